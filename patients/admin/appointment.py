"""Appointments in the staff area: today first."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from careops.lib import clock
from careops.surfaces.admin import MachineAdmin
from patients.admin.choosing import ChoosesPatient
from patients.models import Appointment

#: Name in the address → label, first day from today, days.
SPANS = {
    "today": (_("today"), 0, 1),
    "tomorrow": (_("tomorrow"), 1, 1),
    "week": (_("the next 7 days"), 0, 7),
    "past_week": (_("the last 7 days"), -7, 7),
}


def midnight(days: int) -> datetime:
    """The beginning of that many days from today, by the reader's clock."""
    day = timezone.localtime(clock.now()).date() + timedelta(days=days)
    return timezone.make_aware(datetime.combine(day, time.min))


class WhenFilter(admin.SimpleListFilter):
    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _start, _days) in SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in SPANS:
            return queryset
        _label, start, days = SPANS[self.value()]
        return queryset.filter(starts_at__gte=midnight(start), starts_at__lt=midnight(start + days))


@admin.register(Appointment)
class AppointmentAdmin(ChoosesPatient, MachineAdmin):
    state_colors = {
        "booked": "info",
        "confirmed": "primary",
        "checked_in": "warning",
        "completed": "success",
        "cancelled": "danger",
        "no_show": "danger",
    }
    list_display = ("starts_at", "patient_name", "service", "practitioner", "state_badge", "clinic")
    list_filter = (
        WhenFilter,
        ("starts_at", RangeDateFilter),
        "state",
        "practitioner",
        "service",
        "clinic",
    )
    list_filter_submit = True
    list_select_related = ("patient", "practitioner", "clinic")
    search_fields = ("patient__last_name",)
    search_help_text = _("The beginning of the patient's name or record number")
    autocomplete_fields = ("patient",)
    readonly_fields = ("cancel_reason", "rescheduled_from")
    fieldsets = (
        (
            None,
            {"fields": ("patient", ("practitioner", "clinic"), "service", "starts_at", "ends_at", "reason")},
        ),
        (_("What became of it"), {"fields": (("cancel_reason", "rescheduled_from"),)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Appointment | None = None) -> list[str]:
        """It goes over to nobody else, and to another time only by the move of that name."""
        fixed = ["patient", "starts_at", "ends_at"] if obj else []
        return [*super().get_readonly_fields(request, obj), *fixed]
