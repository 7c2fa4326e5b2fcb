"""Reports with their markers: entered, made final, released to the patient."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from careops.surfaces.admin import MachineAdmin
from labs.admin.columns import patient_name
from labs.models import Report, Result

STATE_COLORS = {"preliminary": "warning", "final": "success", "corrected": "primary"}


class ResultInline(TabularInline):
    model = Result
    fields = ("name", "slug", "loinc", "value", "number", "unit", "min_range", "max_range", "interpretation")
    prepopulated_fields = {"slug": ("name",)}
    extra = 0
    tab = False

    def has_delete_permission(self, request: HttpRequest, obj: Report | None = None) -> bool:
        """A marker somebody may have acted upon is corrected, never removed."""
        return False


@admin.register(Report)
class ReportAdmin(MachineAdmin):
    state_colors = STATE_COLORS
    list_display = (
        "__str__", patient_name, "order", "state_badge", "is_released", "collected_at", "reported_at", "created_at",
    )  # fmt: skip
    list_filter = ("state", ("released_at", admin.EmptyFieldListFilter), ("created_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("patient", "order")
    search_fields = ("specimen_number", "patient__last_name__istartswith")
    search_help_text = _("A specimen number, or the beginning of the patient's last name")
    autocomplete_fields = ("order",)
    readonly_fields = ("released_at", "created_at")
    fields = (
        ("order", "specimen_number"), ("collected_at", "reported_at"), ("released_at", "created_at"), "notes",
    )  # fmt: skip
    inlines = (ResultInline,)

    @display(description=_("released"), boolean=True, ordering="released_at")
    def is_released(self, report: Report) -> bool:
        return not report.is_withheld()

    def get_readonly_fields(self, request: HttpRequest, obj: Report | None = None) -> list[Any]:
        """A report does not go over to another order."""
        return [*super().get_readonly_fields(request, obj), *(["order"] if obj else [])]
