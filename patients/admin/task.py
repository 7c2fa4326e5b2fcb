"""Tasks in the staff area: mine, overdue, nobody's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from careops.access.models import User
from careops.lib import clock
from careops.surfaces.admin import MachineAdmin
from patients.admin.appointment import midnight
from patients.admin.choosing import ChoosesPatient
from patients.models import Task, TaskComment
from patients.models.task import ACTIVE

DUE: dict[str, tuple[Any, Callable[[], Q]]] = {
    "overdue": (_("overdue"), lambda: ACTIVE & Q(due_at__lt=clock.now())),
    "today": (_("due today"), lambda: ACTIVE & Q(due_at__gte=midnight(0), due_at__lt=midnight(1))),
    "week": (_("due within 7 days"), lambda: ACTIVE & Q(due_at__gte=midnight(0), due_at__lt=midnight(7))),
    "none": (_("no due time"), lambda: ACTIVE & Q(due_at=None)),
}


class DueFilter(admin.SimpleListFilter):
    """Tasks that are not over, by when they should be."""

    title = _("due")
    parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _condition) in DUE.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(DUE[self.value()][1]()) if self.value() in DUE else queryset


class WhoseFilter(admin.SimpleListFilter):
    """Mine, mine by role or team, nobody's, or a colleague's."""

    title = _("assignee")
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        colleagues = User.objects.filter(is_staff=True, is_active=True).exclude(pk=request.user.pk)
        return [
            ("mine", _("me")),
            ("ours", _("my roles and teams")),
            ("nobodys", _("nobody")),
            *((str(user.pk), user.get_full_name()) for user in colleagues),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if value.isdecimal():
            return queryset.filter(assignee=int(value))
        roles = request.user.groups.values("name")
        named_ones = {
            "mine": Q(assignee=request.user),
            "ours": Q(role__in=roles) | Q(care_team__members__user=request.user),
            "nobodys": Q(assignee=None),
        }
        return queryset.filter(named_ones.get(value, Q()))


class ChecklistField(forms.CharField):
    """The checklist as lines of text: "[x] Call" is done, "[ ] Call" or plain "Call" is not."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(help_text=_("One item per line; begin a line with [x] when it is done."), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join(f"[{'x' if item['done'] else ' '}] {item['text']}" for item in value)

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        lines = [line.strip() for line in super().to_python(value).splitlines()]
        return [
            {"text": re.sub(r"^\[[ xX]?\]\s*", "", line), "done": line[:3].lower() == "[x]"}
            for line in lines
            if line
        ]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)


class CommentInline(TabularInline):
    """Comments are added, never rewritten."""

    model = TaskComment
    fields = ("text", "author", "written_at")
    readonly_fields = ("author", "written_at")
    extra = 1
    tab = False

    @display(description=_("when"))
    def written_at(self, comment: TaskComment) -> Any:
        """Nothing yet on the line where the next comment is written."""
        return None if comment._state.adding else comment.created_at

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "text":
            field.widget.attrs["rows"] = 2
        return field

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("patients.view_task")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("patients.change_task")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Task)
class TaskAdmin(ChoosesPatient, MachineAdmin):
    state_colors = {"open": "info", "in_progress": "primary", "completed": "success", "cancelled": "danger"}
    list_display = (
        "title",
        "patient_name",
        "assignee",
        "role",
        "care_team",
        "due_at",
        "priority",
        "state_badge",
    )
    list_filter = (DueFilter, WhoseFilter, "state", "priority", "role", "care_team")
    list_select_related = ("patient", "assignee", "care_team")
    search_fields = ("title",)
    search_help_text = _("The beginning of the patient's name or record number")
    autocomplete_fields = ("patient",)
    readonly_fields = ("about_link", "completed_at", "cancel_reason")
    fieldsets = (
        (None, {"fields": ("title", "description", "priority", "due_at", "checklist")}),
        (_("Whose"), {"fields": (("assignee", "role"), "care_team")}),
        (_("About"), {"fields": ("patient", "about_link", ("completed_at", "cancel_reason"))}),
    )
    inlines = (CommentInline,)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "checklist":
            return ChecklistField(label=capfirst(db_field.verbose_name), required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=_("about"))
    def about_link(self, task: Task) -> str:
        record: Model | None = task.about
        if record is None:
            return ""
        options = record._meta
        try:
            url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[record.pk])
        except NoReverseMatch:
            return str(record)
        return format_html('<a href="{}">{}</a>', url, record)

    def save_formset(
        self, request: HttpRequest, form: forms.ModelForm, formset: BaseInlineFormSet, change: bool
    ) -> None:
        for comment in formset.save(commit=False):
            comment.author = request.user
            comment.save()
