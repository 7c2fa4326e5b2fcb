"""Runs in the staff area: which automation answered what, and how it went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from careops.lib.clock import now
from careops.lib.lists import badge
from careops.surfaces.readonly import ReadOnlyAdmin
from workflows.admin import timeline
from workflows.admin.dead_letters import dead_letters_view
from workflows.admin.links import for_reader, page_of, patient_page
from workflows.admin.operations import buttons, operate_view
from workflows.admin.queue_health import queue_health_view
from workflows.admin.story import caused, told
from workflows.models import QueueState, Run, StepRun
from workflows.traces import lines_of

COLORS = {"running": "info", "done": "success", "stopped": "", "failed": "danger", "cancelled": "warning"}


class EndedFilter(admin.SimpleListFilter):
    """The runs that ended within so many days."""

    title = _("ended")
    parameter_name = "ended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("in the last 24 hours")), ("7", _("in the last 7 days"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.value()
        if days not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(finished_at__gte=now() - timedelta(days=int(days)))


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    page_template = "admin/workflows/run.html"
    list_display = ("__str__", "what", "state_label", "event_name", "started_at", "finished_at", "trouble")
    list_filter = ("state", EndedFilter, "automation", ("started_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("automation", "event")

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        failed = StepRun.objects.filter(run=OuterRef("pk"), state=QueueState.FAILED).order_by("position")
        rows = Run.objects.select_related("automation", "version", "event__caused_by__automation")
        return rows.annotate(error_code=Subquery(failed.values("error_code")[:1]))

    @display(description=_("automation"), ordering="automation__name")
    def what(self, run: Run) -> str:
        return timeline._run_title(run)

    @display(description=_("state"), ordering="state")
    def state_label(self, run: Run) -> SafeString:
        return badge(run.get_state_display(), COLORS[run.state])

    @display(description=_("answering"))
    def event_name(self, run: Run) -> str:
        return run.event.name

    @display(description=_("trouble"))
    def trouble(self, run: Any) -> str:
        return run.error_code or "–"

    # ── The page ─────────────────────────────────────────────────────────────────────────────────────────
    def story(self, request: HttpRequest, record: Run) -> dict[str, Any]:
        event = record.event
        names = timeline._names([event, *([event.caused_by.event] if event.caused_by else [])])
        because = timeline._because(event.caused_by, names) if event.caused_by else ()
        reader = request.user
        return {
            "state": badge(record.get_state_display(), COLORS[record.state]),
            "what": timeline._run_title(record),
            "automation": record.automation
            and page_of(request, "workflows.Automation", record.automation.pk, record.automation.name),
            "version": record.version
            and page_of(request, "workflows.AutomationVersion", record.version.pk, str(record.version)),
            "event": page_of(request, "workflows.EventRecord", event.pk, event.name),
            "event_says": timeline._says(event),
            "who": timeline._who(event, names),
            "subject": page_of(request, record.subject_type, record.subject_id),
            "patient": patient_page(request, record.patient_id),
            "because": for_reader(request, because),
            "lines": list(lines_of(record, reader)),
            "steps": told(request, record),
            "caused": [
                (page_of(request, "workflows.EventRecord", each.pk, each.name),
                 page_of(request, each.subject_type, each.subject_id))
                for each in caused(record)
            ],
            "run_buttons": buttons(request, record, "cancel_run") if record.state == Run.State.RUNNING else [],
        }  # fmt: skip


@admin.register(StepRun)
class StepRunAdmin(ReadOnlyAdmin):
    """Steps have no pages of their own: one is read on its run's page, the dead ones on the dead letters'."""

    patient_path = "run.patient_id"

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        return StepRun.objects.filter(run__in=self.admin_site._registry[Run].get_queryset(request).order_by())

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return dead_letters_view(request)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if object_id is None:
            raise PermissionDenied
        step = self.record_or_404(request, object_id)
        return HttpResponseRedirect(reverse("admin:workflows_run_change", args=[step.run_id]))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("dead-letters/", view(dead_letters_view), name="workflows_dead_letters"),
            path("queue-health/", view(queue_health_view), name="workflows_queue_health"),
            path("operate/<str:name>/<str:pk>/", view(operate_view), name="workflows_operate"),
            *super().get_urls(),
        ]


def linked(link: Any) -> Any:
    """A Link as HTML for a list or a description."""
    return format_html('<a href="{}">{}</a>', link.url, link.text) if link.url else link.text
