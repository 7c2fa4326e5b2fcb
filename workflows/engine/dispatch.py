"""Dispatch: committed events get the next positions, and whoever listens gets a run, a delivery or a reaction.

One process at a time does it, in one transaction per batch, so positions are gapless and every match starts exactly
once. Whatever was committed before another event was written comes before it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from workflows.catalogue.ports import ops_alert
from workflows.engine import limits
from workflows.engine.lost import is_lost
from workflows.engine.plan import plan
from workflows.models import EventRecord, NonMatch

log = logging.getLogger(__name__)

#: The advisory lock's number: "careops dispatch", whoever holds it numbers events.
LOCK = 0x0CA2E0B5


def dispatch(limit: int = limits.BATCH) -> int:
    """Number the next events and start what follows from them. Returns how many; 0 when another process is at it."""
    try:
        return _dispatch(limit, isolate=limit == 1)
    except Exception as error:  # one event that cannot be dispatched must not stop all that come after it
        if is_lost(error):
            raise
        log.warning("%d events could not be dispatched at once (%s).", limit, type(error).__name__)
        if limit > 1:
            return sum(dispatch(1) for _one in range(limit))
        return _park(type(error).__name__)


def _park(error: str) -> int:
    """Number the next event without starting anything, and tell people: it cannot be read, or what it sets off cannot."""
    with transaction.atomic():
        if not _alone():
            return 0
        # Only the id: an event may be undispatchable because its row cannot be loaded.
        pk = EventRecord.objects.filter(position=None).order_by("id").values_list("pk", flat=True).first()
        if pk is None:
            return 0
        _number([pk])
        NonMatch.objects.create(event_id=pk, automations=[], verdicts=[{"refused": "broken", "error": error}])
        ops_alert(
            key=f"event-broken:{pk}",
            title=_("An event could not be acted upon"),
            detail=_("Event %(id)s: %(error)s. No automation has seen it.") % {"id": pk, "error": error},
        )
    return 1


def _dispatch(limit: int, *, isolate: bool) -> int:
    with transaction.atomic():
        if not _alone():
            return 0
        events = list(EventRecord.objects.filter(position=None).order_by("id")[:limit])
        if not events:
            return 0
        for event, position in zip(events, _number([event.pk for event in events]), strict=True):
            event.position = position
        if loud := [event for event in events if not event.quiet]:
            plan(loud, isolate=isolate).start()
        return len(events)


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _number(ids: Sequence[int]) -> Sequence[int]:
    """Give the events the next positions, in this order, and return them."""
    first = (EventRecord.objects.aggregate(last=Max("position"))["last"] or 0) + 1
    positions = list(range(first, first + len(ids)))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_eventrecord AS row SET position = new.position "
            "FROM unnest(%s::bigint[], %s::bigint[]) AS new(id, position) WHERE row.id = new.id",
            [list(ids), positions],
        )
    return positions
