"""Notifications in the staff area: everybody sees their own."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from careops.access.actor import Actor
from careops.surfaces.admin import MachineAdmin
from patients.models import Notification


@admin.register(Notification)
class NotificationAdmin(MachineAdmin):
    state_colors = {"unread": "primary", "read": ""}
    list_display = ("title", "state_badge", "created_at")
    list_filter = ("state",)
    fields = ("title", "body", "created_at")
    actions = ("mark_read",)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        return super().scope(request).filter(user=request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.action(description=_("Mark as read"), permissions=["view"])
    def mark_read(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for notification in queryset.filter(state=Notification.State.UNREAD):
            notification.perform("read", by=Actor.of(request.user))
