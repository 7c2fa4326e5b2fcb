"""Tables of an order's other records: existing rows are read here and changed on pages of their own."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from careops.lib.lists import badge


class ShownInline(TabularInline):
    extra = 0
    tab = False
    show_change_link = True
    state_colors: ClassVar[dict[str, str]] = {}

    @display(description=_("state"))
    def state_badge(self, record: Any) -> SafeString:
        return badge(record.get_state_display(), self.state_colors.get(record.state, ""))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
