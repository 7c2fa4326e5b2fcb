"""Following: a batch of numbered events becomes runs, deliveries and reactions, each exactly once.

The claim of a batch is committed before the work begins and the batch is deleted with what it started, so a worker that
dies on the way leaves a trace and nothing else. A batch that failed, or whose worker vanished, falls apart into single
events; one that can never be acted upon is parked, and people are told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from careops.lib.bulk import read_many
from workflows.catalogue.event import events as declared
from workflows.catalogue.ports import ops_alert
from workflows.engine.lost import is_lost
from workflows.engine.plan import listen_anew, listening, plan, wanted_by_reactions
from workflows.models import EventBatch, EventRecord, Lane, NonMatch, QueueState
from workflows.models.lease import claim

log = logging.getLogger(__name__)

#: The events of a batch that somebody listens to, by name, or that a built-in reaction wants.
HEARD = "position BETWEEN %s AND %s AND NOT quiet AND (name = ANY(%s) OR id = ANY(%s)) ORDER BY position"


def work(worker: str, *, at_once: bool = True) -> int:
    """Act upon the next batch of events. ``at_once`` carries out the steps that are due in the same transaction.

    Returns how many batches were claimed, 0 or 1.
    """
    batches = claim(EventBatch, Lane.DEFAULT, 1, worker=worker)
    for batch in batches:
        if batch.alone and batch.first != batch.last:
            _split(batch)
        else:
            follow(batch, at_once=at_once)
    return len(batches)


def follow(batch: EventBatch, *, at_once: bool = True) -> None:
    """Act upon a batch that its worker has claimed.

    Never at once for an event that is alone: a step that takes its worker down must be found out by its own claim.
    """
    try:
        with transaction.atomic():
            if at := _take(batch):
                _start(batch, at, at_once=at_once and not batch.alone)
    except Exception as error:  # one event that cannot be acted upon must not stop the others
        listen_anew()
        if not (batch.alone and batch.first == batch.last):  # a single one, too, is first tried in isolation
            log.warning("Events %d to %d fall apart (%s).", batch.first, batch.last, type(error).__name__)
            _split(batch)
        elif is_lost(error):
            raise
        else:
            _park(batch, type(error).__name__)


def _take(batch: EventBatch) -> datetime | None:
    """Delete the batch in this transaction and return the moment; None when it was given to somebody else meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM workflows_eventbatch WHERE id = %s AND fence = %s AND state = 'running' "
            "RETURNING careops_now()",
            [batch.pk, batch.fence],
        )
        moments: list[tuple[datetime]] = cursor.fetchall()
    return moments[0][0] if moments else None


def _start(batch: EventBatch, at: datetime, *, at_once: bool) -> None:
    who = listening()
    # Raises UnknownName for an event that nobody declares any more.
    told = [name for name in batch.names if who.hears(declared.get(name))]
    events = EventRecord.objects.filter(position__range=(batch.first, batch.last), quiet=False)
    wanted = wanted_by_reactions(batch.names, events)
    ids = {pk for ids in wanted.values() for pk in ids}
    if told or ids:
        heard = read_many(EventRecord, HEARD, [batch.first, batch.last, told, list(ids)])
        plan(heard, who, wanted, at, isolate=batch.alone).start(batch.worker, at_once=at_once)


def _split(batch: EventBatch) -> None:
    with transaction.atomic():
        if _take(batch):
            _make_single(batch)


def _make_single(batch: EventBatch) -> None:
    """Every event of it becomes a batch of its own, to be acted upon alone."""
    events = EventRecord.objects.filter(position__range=(batch.first, batch.last), quiet=False)
    rows: Iterable[Any] = events.order_by("position").values_list("position", "name")
    EventBatch.objects.bulk_create(
        EventBatch(first=position, last=position, names=[name], alone=True) for position, name in rows
    )


def _park(batch: EventBatch, error: str) -> None:
    with transaction.atomic():
        if _take(batch):
            _tell(batch, error)


def _tell(batch: EventBatch, error: str) -> None:
    """The one event of the batch is acted upon no more: it cannot be read, or what it sets off cannot."""
    # Only the id: its row may be what cannot be loaded.
    pk = EventRecord.objects.filter(position=batch.first).values_list("pk", flat=True).get()
    NonMatch.objects.create(event_id=pk, automations=[], verdicts=[{"refused": "broken", "error": error}])
    ops_alert(
        key=f"event-broken:{pk}",
        title=_("An event could not be acted upon"),
        detail=_("Event %(id)s: %(error)s. No automation has seen it.") % {"id": pk, "error": error},
    )


def give_up(lost: Iterable[EventBatch]) -> None:
    """Of batches taken back from workers that vanished, try those no more that took three of them down alone."""
    for batch in lost:
        if batch.state == QueueState.FAILED:
            if batch.first == batch.last:
                _tell(batch, "crashed")
            else:
                _make_single(batch)
            batch.delete()
