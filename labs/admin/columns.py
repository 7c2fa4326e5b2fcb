"""What the lab's pages have in common: whom a record is about, and tables that only show."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display


@display(description=_("patient"), ordering="patient__last_name")
def patient_name(record: Any) -> str:
    return record.patient.full_name


class ShownInline(TabularInline):
    """Rows to be read here and changed on pages of their own. Moves, not forms, bring about most of them."""

    extra = 0
    tab = False
    show_change_link = True
    state_colors: ClassVar[dict[str, str]] = {}

    @admin.display(description=_("state"))
    def state_badge(self, record: Any) -> SafeString:
        label = {"text": record.get_state_display(), "type": self.state_colors.get(record.state, "")}
        return render_to_string("unfold/helpers/label.html", label)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return tuple(self.fields)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
