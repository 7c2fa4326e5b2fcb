"""Automations in the staff area: the list that says how they do, and the page on which they are built."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold import widgets
from unfold.decorators import display

from careops.lib import clock
from careops.surfaces.admin import MachineAdmin
from workflows.admin.automation_pages import AutomationPages
from workflows.admin.catalogue import builder_data
from workflows.admin.fields import ConditionsField, TriggerField, misplaced
from workflows.admin.readback import differs, read_back
from workflows.admin.step import PLACEHOLDER, StepInline, parameter_forms
from workflows.models import Automation, Run

WEEK = timedelta(days=7)


class AutomationForm(forms.ModelForm):
    trigger = TriggerField(label=_("When this happens"))
    conditions = ConditionsField(label=_("And these conditions hold"))

    class Meta:
        model = Automation
        fields = ("name", "description", "trigger", "conditions", "lane")


def recent_runs(**narrowed: Any) -> QuerySet[Run]:
    """The outer automation's runs of the last seven days."""
    since = clock.now() - WEEK
    return Run.objects.filter(automation=OuterRef("pk"), started_at__gte=since, **narrowed).order_by()


@admin.register(Automation)
class AutomationAdmin(AutomationPages, MachineAdmin):
    form = AutomationForm
    inlines = (StepInline,)
    change_form_template = "admin/workflows/automation.html"
    state_colors = {"draft": "info", "live": "success", "paused": "warning", "archived": ""}
    asking_moves = ("pause", "archive")
    list_display = (
        "name",
        "state_badge",
        "trigger",
        "published",
        "runs_of_week",
        "failed_of_week",
        "last_run",
    )
    list_filter = ("state", "lane")
    list_select_related = ("live",)
    search_fields = ("name", "trigger")
    fieldsets = (
        (None, {"fields": ("name", "description", "lane")}),
        (_("When"), {"fields": ("trigger", "conditions")}),
    )

    class Media:
        css = {"all": ["careops/builder.css"]}

    # ── The list ─────────────────────────────────────────────────────────────────────────────────────────
    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """With its recent runs counted where the list shows them."""
        rows = Automation.objects.select_related("live")
        if request.resolver_match and not request.resolver_match.url_name.endswith("_changelist"):
            return rows
        runs = recent_runs().values("automation")
        failed = Count("pk", filter=Q(state=Run.State.FAILED))
        last = Run.objects.filter(automation=OuterRef("pk")).order_by("-id").values("started_at")[:1]
        return rows.annotate(
            runs_7=Coalesce(Subquery(runs.annotate(number=Count("pk")).values("number")), 0),
            failed_7=Coalesce(Subquery(runs.annotate(number=failed).values("number")), 0),
            last_at=Subquery(last),
        )

    @display(description=_("published"), ordering="live__number")
    def published(self, automation: Automation) -> str:
        return str(automation.live) if automation.live else "–"

    @display(description=_("runs, 7 days"), ordering="runs_7")
    def runs_of_week(self, automation: Any) -> int:
        return automation.runs_7

    @display(description=_("failed"), ordering="failed_7")
    def failed_of_week(self, automation: Any) -> int:
        return automation.failed_7

    @display(description=_("last run"), ordering="last_at")
    def last_run(self, automation: Any) -> datetime | None:
        return automation.last_at

    # ── The page ─────────────────────────────────────────────────────────────────────────────────────────
    def has_change_permission(self, request: HttpRequest, obj: Automation | None = None) -> bool:
        """What was put away stays as it was."""
        put_away = obj is not None and obj.state == Automation.State.ARCHIVED
        return not put_away and super().has_change_permission(request, obj)

    def get_inlines(self, request: HttpRequest, obj: Automation | None) -> Any:
        """Whoever may only look reads the sentence."""
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return super().get_inlines(request, obj) if may else ()

    def get_fieldsets(self, request: HttpRequest, obj: Automation | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", "description", "lane", "pause_reason")}),)
        return super().get_fieldsets(request, obj)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "description":
            field.widget = widgets.UnfoldAdminTextareaWidget({"rows": 2})
        return field

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Automation | None = None,
        **kwargs: Any,
    ) -> HttpResponse:
        context["editing"] = bool(context["inline_admin_formsets"])
        if context["editing"]:
            forms_here = [context["adminform"].form, *context["inline_admin_formsets"][0].formset.forms]
            errors = {name: found for form in forms_here for name, found in misplaced(form).items()}
            context["builder"] = {
                **builder_data(),
                "errors": errors,
                "placeholder": PLACEHOLDER,
                "urls": self.builder_urls(obj),
            }
            context["parameter_forms"] = parameter_forms()
        if obj is not None:
            steps = list(obj.steps.all())
            context["words"] = read_back(obj, steps)
            context["unpublished"] = obj.live is not None and differs(obj, steps)
            context["publish_url"] = self.url_of("publish", obj) if self.may_publish(request, obj) else ""
            context["try_url"] = self.url_of("try", obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)
