"""Patients in the staff area: found by name, number, address or date of birth."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from careops.lib.paging import off_the_index
from careops.surfaces.admin import MachineAdmin
from careops.surfaces.glance import Glance
from patients.admin.choosing import PatientChoices, named
from patients.models import Appointment, Message, Patient, Task


class AppointmentGlance(Glance):
    model = Appointment
    fields = ("starts_at", "service", "practitioner", "state")
    ordering = ("-starts_at",)


class TaskGlance(Glance):
    model = Task
    fields = ("title", "assignee", "role", "due_at", "state")
    ordering = ("-id",)


class MessageGlance(Glance):
    model = Message
    fields = ("subject", "recipient", "created_at", "state")
    ordering = ("-id",)


@admin.register(Patient)
class PatientAdmin(MachineAdmin):
    state_colors = {
        "registered": "info",
        "onboarded": "success",
        "inactive": "warning",
        "deceased": "danger",
        "merged": "danger",
    }
    list_display = ("full_name", "mrn", "birth_date", "state_badge", "practitioner", "care_team", "clinic")
    list_filter = ("state", "clinic", "care_team", "practitioner")
    list_select_related = ("practitioner", "care_team", "clinic")
    search_fields = ("last_name",)
    search_help_text = _(
        "The beginning of a name, email address or record number, or a date of birth (1960-03-14)"
    )
    readonly_fields = ("user", "deceased_on", "merged_into")  # a list of every account would be endless
    fieldsets = (
        (None, {"fields": (("first_name", "last_name"), ("birth_date", "sex"), ("mrn", "user"))}),
        (_("Contact"), {"fields": (("email", "phone"), ("language", "timezone"))}),
        (_("Address"), {"fields": ("street", ("city", "zip"), ("region", "country"))}),
        (_("Care"), {"fields": (("clinic", "practitioner"), ("care_team", "deceased_on"), "merged_into")}),
    )
    inlines = (AppointmentGlance, TaskGlance, MessageGlance)

    @display(description=_("name"), ordering="last_name")
    def full_name(self, patient: Patient) -> str:
        return patient.full_name

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By date of birth, or each word by the beginning of a name, an address or a number: all have an index."""
        try:
            return queryset.filter(birth_date=date.fromisoformat(search_term.strip())), False
        except ValueError:
            found = named(queryset, search_term, ("last_name", "first_name", "email", "mrn"))
            return (off_the_index(found) if found is not queryset else found), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(PatientChoices.as_view(admin_site=self.admin_site))
        return [path("choices/", view, name="patients_patient_choices"), *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A merged record is there to look at."""
        merged = obj is not None and obj.state == Patient.State.MERGED
        return not merged and super().has_change_permission(request, obj)
