"""Practitioners in the staff area."""

from __future__ import annotations

from django.contrib import admin

from careops.surfaces.admin import RecordAdmin
from patients.models import Practitioner


@admin.register(Practitioner)
class PractitionerAdmin(RecordAdmin):
    list_display = ("__str__", "specialty", "clinic", "npi", "active")
    list_filter = ("active", "clinic")
    list_select_related = ("clinic",)
    search_fields = ("last_name__istartswith", "first_name__istartswith", "npi__exact")
    fieldsets = (
        (None, {"fields": (("first_name", "last_name"), ("credentials", "specialty"), ("npi", "clinic"))}),
        (None, {"fields": (("user", "email"), "active")}),
    )
