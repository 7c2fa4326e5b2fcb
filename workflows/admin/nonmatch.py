"""Non-runs: which automations listened to an event and did not run, and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from careops.surfaces.links import link_to
from careops.surfaces.readonly import ReadOnlyAdmin
from workflows.admin.links import page_of, patient_page
from workflows.admin.run import linked
from workflows.models import Automation, NonMatch
from workflows.traces import non_runs


def _uuid(value: str | None) -> UUID | None:
    try:
        return UUID(value or "")
    except ValueError:
        return None


class AutomationFilter(admin.SimpleListFilter):
    title = _("automation")
    parameter_name = "automation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Automation.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        pk = _uuid(self.value())
        return queryset.filter(automations__contains=[pk]) if pk else queryset.none()


class PatientFilter(admin.SimpleListFilter):
    """Offered only where a link asked for it: a list of all patients would be no filter."""

    title = _("patient")
    parameter_name = "patient"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        asked = request.GET.get(self.parameter_name)
        return [(asked, _("this patient"))] if asked else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        pk = _uuid(self.value())
        return queryset.filter(event__patient_id=pk) if pk else queryset.none()


def names_of(rows: list[NonMatch]) -> dict[UUID | None, str]:
    """The names of all automations that are spoken of, in one query."""
    ids = {pk for row in rows for pk in row.automations}
    known = Automation.objects.filter(pk__in=ids).values_list("pk", "name")
    return dict.fromkeys(ids, "–") | dict(known)


@admin.register(NonMatch)
class NonMatchAdmin(ReadOnlyAdmin):
    patient_path = "event.patient_id"
    page_template = "admin/workflows/nonmatch.html"
    list_display = ("event_name", "reasons", "about", "at")
    list_filter = (AutomationFilter, PatientFilter)
    list_select_related = ("event",)

    class Media:
        css = {"all": ["careops/builder.css"]}

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        return NonMatch.objects.select_related("event")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Gives the rows their reader and the names of their automations before they are drawn."""
        response = super().changelist_view(request, extra_context)
        changelist = (getattr(response, "context_data", None) or {}).get("cl")
        if changelist is not None:
            rows = list(changelist.result_list)
            names, told = names_of(rows), non_runs(rows)
            asked = _uuid(request.GET.get("automation"))
            for row in rows:
                row.names, row.reader = names, request.user
                row.told = [one for one in told[row.pk] if asked in (None, one.automation)]
        return response

    @display(description=_("event"))
    def event_name(self, row: NonMatch) -> str:
        return row.event.name

    @display(description=_("why not"))
    def reasons(self, row: Any) -> SafeString:
        said = ((row.names.get(one.automation, "–"), one.why(row.reader)) for one in row.told)
        return format_html(
            '<div class="co-reasons">{}</div>', format_html_join("", "<p><strong>{}</strong>: {}</p>", said)
        )

    @display(description=_("about"))
    def about(self, row: NonMatch) -> Any:
        return linked(link_to(row.event.subject_type, row.event.subject_id))

    @display(description=_("when"), ordering="event_id")
    def at(self, row: NonMatch) -> Any:
        return row.event.occurred_at

    # ── The page ─────────────────────────────────────────────────────────────────────────────────────────
    def title_of(self, record: NonMatch) -> str:
        return _t("Non-runs of event %(number)s") % {"number": record.event_id}

    def story(self, request: HttpRequest, record: NonMatch) -> dict[str, Any]:
        reader, names = request.user, names_of([record])
        return {
            "event": page_of(request, "workflows.EventRecord", record.event_id, record.event.name),
            "subject": page_of(request, record.event.subject_type, record.event.subject_id),
            "patient": patient_page(request, record.event.patient_id),
            "verdicts": [
                (one.automation and page_of(request, "workflows.Automation", one.automation, names[one.automation]),
                 one.version, one.why(reader), one.lines(reader))
                for one in non_runs([record])[record.pk]
            ],
        }  # fmt: skip
