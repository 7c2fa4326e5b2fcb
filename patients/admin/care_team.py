"""Care teams in the staff area, with their members."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from careops.surfaces.admin import RecordAdmin
from patients.models import CareTeam, CareTeamMember


class MemberInline(TabularInline):
    """Who may change the team may say who belongs to it."""

    model = CareTeamMember
    fields = ("practitioner",)
    extra = 0
    tab = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("patients.view_careteam")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("patients.change_careteam")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A place in a team is given or taken away, not handed on: both are events."""
        return False


@admin.register(CareTeam)
class CareTeamAdmin(RecordAdmin):
    list_display = ("name", "clinic")
    list_filter = ("clinic",)
    list_select_related = ("clinic",)
    search_fields = ("name",)
    fields = ("name", "clinic")
    inlines = (MemberInline,)
