"""Queue health: how long work waits, how fast it goes, and who is at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, Model, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from careops.lib import clock
from workflows.models import Delivery, Drainer, EventRecord, InboundMessage, Lane, QueueState, StepRun
from workflows.models.event_batch import waiting

HOUR = timedelta(hours=1)
LATE = timedelta(seconds=60)
#: A drain says that it lives every second; after this long it probably does not.
SILENT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Queue:
    """One lane of one queue. ``waits`` is how long the oldest due row has been due."""

    name: str
    lane: str
    due: int
    later: int
    running: int
    waits: timedelta | None
    done: int
    failed: int

    @property
    def is_late(self) -> bool:
        return self.waits is not None and self.waits > LATE


def queues(now: datetime) -> Iterator[Queue]:
    """One query per queue, whatever the number of rows; the indexes hold exactly these."""
    models: tuple[type[Model], ...] = (StepRun, Delivery, InboundMessage)
    for model in models:
        open_rows = model._default_manager.filter(state__in=[QueueState.DUE, QueueState.RUNNING])
        is_due = Q(state=QueueState.DUE, due_at__lte=now)
        found = {
            row["lane"]: row
            for row in open_rows.order_by().values("lane").annotate(
                due=Count("pk", filter=is_due),
                later=Count("pk", filter=Q(state=QueueState.DUE, due_at__gt=now)),
                running=Count("pk", filter=Q(state=QueueState.RUNNING)),
                oldest=Min("due_at", filter=is_due),
            )
        }  # fmt: skip
        rates = {
            row["lane"]: row
            for row in model._default_manager.filter(finished_at__gte=now - HOUR).order_by().values("lane").annotate(
                done=Count("pk", filter=Q(state=QueueState.DONE)),
                failed=Count("pk", filter=Q(state__in=[QueueState.FAILED, QueueState.HELD])),
            )
        }  # fmt: skip
        for lane, label in Lane.choices:
            yield _queue(
                str(model._meta.verbose_name_plural),
                str(label),
                found.get(lane, {}),
                rates.get(lane, {}),
                now,
            )


def _queue(name: str, lane: str, found: dict[str, Any], rates: dict[str, Any], now: datetime) -> Queue:
    oldest = found.get("oldest")
    return Queue(
        name, lane, found.get("due", 0), found.get("later", 0), found.get("running", 0),
        now - oldest if oldest else None, rates.get("done", 0), rates.get("failed", 0),
    )  # fmt: skip


@require_safe
def queue_health_view(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("workflows.view_run"):
        raise PermissionDenied
    now, real = clock.now(), timezone.now()
    events, since = waiting()
    context = {
        **admin.site.each_context(request),
        "title": _("Queue health"),
        "queues": list(queues(now)),
        "drains": [
            (drain, real - drain.seen_at < SILENT) for drain in Drainer.objects.order_by("lane", "name")
        ],
        "waiting": events,
        "waiting_for": now - since if since else None,
        "events_of_hour": EventRecord.objects.filter(recorded_at__gte=now - HOUR).count(),
    }
    return TemplateResponse(request, "admin/workflows/queue_health.html", context)
