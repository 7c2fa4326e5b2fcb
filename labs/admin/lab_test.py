"""What the clinic can order."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from careops.surfaces.admin import RecordAdmin
from labs.models import LabTest


@admin.register(LabTest)
class LabTestAdmin(RecordAdmin):
    list_display = ("name", "code", "lab", "active")
    list_filter = ("active", "lab")
    search_fields = ("name", "code")
    fields = (("name", "code"), ("lab", "active"), "description")
    prepopulated_fields = {"code": ("name",)}

    def get_readonly_fields(self, request: HttpRequest, obj: LabTest | None = None) -> list[Any]:
        """Automations and conditions refer to a test by its code, so the code stays."""
        return [*super().get_readonly_fields(request, obj), *(["code"] if obj else [])]

    def get_prepopulated_fields(self, request: HttpRequest, obj: LabTest | None = None) -> dict[str, Any]:
        return {} if obj else super().get_prepopulated_fields(request, obj)
