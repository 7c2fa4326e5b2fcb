"""Requisitions: the paper a sample is drawn on. A new one is begun on the page of its order."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from careops.surfaces.admin import MachineAdmin
from labs.models import Requisition
from patients.admin.choosing import ChoosesPatient, has_digit

STATE_COLORS = {"created": "info", "issued": "primary", "fulfilled": "success", "cancelled": "danger"}


@admin.register(Requisition)
class RequisitionAdmin(ChoosesPatient, MachineAdmin):
    state_colors = STATE_COLORS
    list_display = ("__str__", "patient_name", "order", "state_badge", "number", "issued_at", "created_at")
    list_filter = ("state", ("created_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("patient", "order")
    search_fields = ("number",)
    search_help_text = _("A form number, or the beginning of the patient's name")
    readonly_fields = ("order", "issued_at", "created_at")
    fields = (("order", "number"), ("issued_at", "created_at"))

    def by_number(self, term: str) -> Q | None:
        return Q(number=term) if has_digit(term) else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
