"""Lab orders: where each stands, what the lab said about it, and what it led to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from careops.surfaces.admin import MachineAdmin
from labs.admin import report, requisition
from labs.admin.shown import ShownInline
from labs.modalities import all_statuses
from labs.models import LabOrder, LabOrderStatus, Report, Requisition
from labs.models.lab_order import JUNCTION
from patients.admin.choosing import ChoosesPatient, has_digit

#: The high-level word of a status → its badge.
COLORS = {
    "received": "info",
    "collecting_sample": "info",
    "sample_with_lab": "primary",
    "completed": "success",
    "cancelled": "danger",
    "failed": "danger",
}


class HistoryInline(ShownInline):
    model = LabOrderStatus
    verbose_name_plural = _("what the lab said")
    fields = ("occurred_at", "status", "applied", "created_at")
    readonly_fields = ("created_at",)
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: LabOrder | None = None) -> bool:
        """Whoever may see the order may see how it went."""
        return request.user.has_perm("labs.view_laborder")

    def has_add_permission(self, request: HttpRequest, obj: LabOrder | None = None) -> bool:
        return False


class RequisitionInline(ShownInline):
    model = Requisition
    state_colors = requisition.STATE_COLORS
    fields = ("state_badge", "number", "issued_at", "created_at")
    readonly_fields = ("state_badge", "issued_at", "created_at")

    def get_max_num(self, request: HttpRequest, obj: LabOrder | None = None, **kwargs: Any) -> int:
        return obj.requisitions.count() + 1 if obj else 0

    def has_add_permission(self, request: HttpRequest, obj: LabOrder | None = None) -> bool:
        """One at a time, and only while there is still something to draw a sample for."""
        wanted = obj is not None and obj.is_under_way and not obj.has_open_requisition()
        return wanted and super().has_add_permission(request, obj)


class ReportInline(ShownInline):
    model = Report
    state_colors = report.STATE_COLORS
    fields = ("state_badge", "specimen_number", "collected_at", "reported_at", "released_at")
    readonly_fields = ("state_badge", "released_at")

    def has_add_permission(self, request: HttpRequest, obj: LabOrder | None = None) -> bool:
        return obj is not None and super().has_add_permission(request, obj)


@admin.register(LabOrder)
class LabOrderAdmin(ChoosesPatient, MachineAdmin):
    state_colors = {status.name: COLORS[status.words.high] for status in all_statuses()}
    list_display = (
        "__str__",
        "patient_name",
        "lab_test",
        "state_badge",
        "practitioner",
        "sample_id",
        "created_at",
    )
    list_filter = (
        "state",
        "lab_test",
        ("external_id", admin.EmptyFieldListFilter),
        ("created_at", RangeDateFilter),
    )
    list_filter_submit = True
    list_select_related = ("patient", "lab_test", "practitioner")
    search_fields = ("sample_id",)
    search_help_text = _("A sample id, the lab's order id, or the beginning of the patient's name")
    autocomplete_fields = ("patient", "lab_test", "practitioner")
    readonly_fields = ("exact_status", "reason", "created_at")
    fieldsets = (
        (None, {"fields": (("patient", "lab_test"), ("practitioner", "created_at"))}),
        (_("At the lab"), {"fields": (("external_id", "sample_id"), "exact_status")}),
        (_("Notes"), {"fields": ("notes", "reason")}),
    )
    inlines = (HistoryInline, RequisitionInline, ReportInline)

    @display(description=_("status, as the lab spells it"))
    def exact_status(self, order: LabOrder) -> str:
        return order.state

    def by_number(self, term: str) -> Q | None:
        return Q(sample_id=term) | Q(vendor=JUNCTION, external_id=term) if has_digit(term) else None

    def get_readonly_fields(self, request: HttpRequest, obj: LabOrder | None = None) -> list[Any]:
        """An order goes over neither to another patient nor to another order of the lab's."""
        fixed = ["patient", "lab_test"] if obj else []
        bound = ["external_id"] if obj and obj.external_id else []
        return [*super().get_readonly_fields(request, obj), *fixed, *bound]
