"""Reports with their markers: entered, made final, released. A new one is begun on the page of its order."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from careops.surfaces.admin import MachineAdmin
from labs.models import Report, Result
from patients.admin.choosing import ChoosesPatient, has_digit

STATE_COLORS = {"preliminary": "warning", "final": "success", "corrected": "primary"}


class ResultInline(TabularInline):
    model = Result
    fields = (
        "name",
        "slug",
        "loinc",
        "value",
        "number",
        "unit",
        "min_range",
        "max_range",
        "interpretation",
        "flag",
    )
    readonly_fields = ("flag",)
    extra = 0
    tab = False

    @display(description=_("flag"))
    def flag(self, result: Result) -> str:
        """Which side of its range the value is on, as words: a colour alone does not tell everybody."""
        if result.above_max:
            return str(_("above range"))
        return str(_("below range")) if result.below_min else ""

    def has_delete_permission(self, request: HttpRequest, obj: Report | None = None) -> bool:
        """A marker somebody may have acted upon is corrected, never removed."""
        return False


@admin.register(Report)
class ReportAdmin(ChoosesPatient, MachineAdmin):
    state_colors = STATE_COLORS
    list_display = (
        "__str__",
        "patient_name",
        "order",
        "state_badge",
        "is_released",
        "collected_at",
        "reported_at",
        "created_at",
    )
    list_filter = ("state", ("released_at", admin.EmptyFieldListFilter), ("created_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("patient", "order")
    search_fields = ("specimen_number",)
    search_help_text = _("A specimen number, or the beginning of the patient's name")
    readonly_fields = ("order", "released_at", "created_at")
    fields = (
        ("order", "specimen_number"),
        ("collected_at", "reported_at"),
        ("released_at", "created_at"),
        "notes",
    )
    inlines = (ResultInline,)

    @display(description=_("released"), boolean=True, ordering="released_at")
    def is_released(self, report: Report) -> bool:
        return not report.is_withheld()

    def by_number(self, term: str) -> Q | None:
        return Q(specimen_number=term) if has_digit(term) else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
