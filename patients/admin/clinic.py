"""Clinics in the staff area."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from careops.surfaces.admin import RecordAdmin
from patients.models import Clinic


@admin.register(Clinic)
class ClinicAdmin(RecordAdmin):
    list_display = ("name", "timezone", "phone", "sender_email")
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": (("name", "timezone"), "phone")}),
        (_("Hours"), {"fields": ("opening_hours", "holidays")}),
        (_("Sender of messages"), {"fields": (("sender_name", "sender_email"),)}),
    )
