"""Events in the staff area: what happened, who did it, why, and what came of it."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from careops.access.actor import ActorKind
from careops.lib.lists import badge
from careops.surfaces.links import link_to
from careops.surfaces.readonly import ReadOnlyAdmin
from workflows.admin import timeline
from workflows.admin.links import for_reader, page_of, patient_page
from workflows.admin.nonmatch import names_of
from workflows.admin.run import COLORS, linked
from workflows.admin.timeline import TONES
from workflows.catalogue import events
from workflows.facts import ACTORS
from workflows.models import EventRecord, NonMatch
from workflows.traces import non_runs


class NameFilter(admin.SimpleListFilter):
    title = _("event")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(events.names())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(name=self.value()) if self.value() else queryset


class ActorFilter(admin.SimpleListFilter):
    title = _("who")
    parameter_name = "actor_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(kind.value, label) for kind, label in ACTORS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(actor_kind=self.value()) if self.value() else queryset


@admin.register(EventRecord)
class EventRecordAdmin(ReadOnlyAdmin):
    page_template = "admin/workflows/event.html"
    list_display = ("name", "about", "who", "occurred_at", "dispatched")
    list_filter = (NameFilter, ActorFilter, ("occurred_at", RangeDateTimeFilter))
    list_filter_submit = True

    @display(description=_("about"))
    def about(self, event: EventRecord) -> Any:
        return linked(link_to(event.subject_type, event.subject_id))

    @display(description=_("who"), ordering="actor_kind")
    def who(self, event: EventRecord) -> Any:
        return ACTORS.get(ActorKind(event.actor_kind), event.actor_kind)

    @display(description=_("position"), ordering="position")
    def dispatched(self, event: EventRecord) -> Any:
        return event.position if event.position is not None else _("waits")

    def story(self, request: HttpRequest, record: EventRecord) -> dict[str, Any]:
        reader, cause = request.user, record.caused_by
        names = timeline._names([record, *([cause.event] if cause else [])])
        non_match = list(NonMatch.objects.filter(event=record))
        told = names_of(non_match)
        runs = record.runs.select_related("automation").order_by("id")
        return {
            "says": timeline._says(record),
            "who": timeline._who(record, names),
            "subject": page_of(request, record.subject_type, record.subject_id),
            "patient": patient_page(request, record.patient_id),
            "because": for_reader(request, timeline._because(cause, names)) if cause else [],
            "data": json.dumps(record.data, indent=2, ensure_ascii=False),
            "runs": [
                (page_of(request, "workflows.Run", run.pk, timeline._run_title(run)),
                 badge(run.get_state_display(), COLORS[run.state]))
                for run in runs
            ],
            "non_runs": [
                (told.get(one.automation, "–"), one.why(reader))
                for one in non_runs(non_match).get(record.pk, [])
            ],
            "deliveries": [
                (page_of(request, "workflows.Delivery", row.pk, f"{row.endpoint or row.channel} · {row}"),
                 badge(row.get_state_display(), TONES.get(row.state, "info")))
                for row in record.deliveries.select_related("endpoint").order_by("id")[:50]
            ],
        }  # fmt: skip

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        return EventRecord.objects.select_related("caused_by__automation", "caused_by__event")
