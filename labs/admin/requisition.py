"""Requisitions: the paper a sample is drawn on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from careops.surfaces.admin import MachineAdmin
from labs.admin.columns import patient_name
from labs.models import Requisition

STATE_COLORS = {"created": "info", "issued": "primary", "fulfilled": "success", "cancelled": "danger"}


@admin.register(Requisition)
class RequisitionAdmin(MachineAdmin):
    state_colors = STATE_COLORS
    list_display = ("__str__", patient_name, "order", "state_badge", "number", "issued_at", "created_at")
    list_filter = ("state", ("created_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("patient", "order")
    search_fields = ("number", "patient__last_name__istartswith")
    search_help_text = _("A form number, or the beginning of the patient's last name")
    autocomplete_fields = ("order",)
    readonly_fields = ("issued_at", "created_at")
    fields = (("order", "number"), ("issued_at", "created_at"))

    def get_readonly_fields(self, request: HttpRequest, obj: Requisition | None = None) -> list[Any]:
        """A requisition does not go over to another order."""
        return [*super().get_readonly_fields(request, obj), *(["order"] if obj else [])]
