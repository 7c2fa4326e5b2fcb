"""The events of a crowd: as if each had been recorded, quietly, when it happened, and numbered by the dispatcher."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from careops.access.actor import ActorKind
from careops.demo.crowd.dice import Dice
from careops.demo.crowd.sheets import Copier
from workflows.catalogue import Event
from workflows.catalogue.machine import Machine
from workflows.engine.dispatch import LOCK
from workflows.models import EventRecord

COLUMNS = "uid, name, subject_type, subject_id, patient_id, data, occurred_at, correlation_id"
#: Events that are given their places at once.
SLICE = 50_000


class Told(NamedTuple):
    """What an event says whoever it is about."""

    name: str
    subject: str
    data: str


def told(event: Event, **data: str) -> Told:
    return Told(event.name, event.subject, json.dumps(data))


def walk(
    model: type[Machine], moves: Sequence[str], reached: Mapping[str, str] | None = None
) -> tuple[Told | None, ...]:
    """A record's birth and its moves, one after the other; None for one that nobody is told of.

    ``reached`` says where the moves lead that choose.
    """
    state = model._meta.get_field("state").get_default()
    lived = [told(model.created_event, to=state) if model.created_event else None]
    for name in moves:
        move = model.move(name)
        target = move.target or (reached or {})[name]
        event = move.announces[target] if isinstance(move.announces, Mapping) else move.announces
        lived.append(told(event, **{"from": state, "to": target}) if isinstance(event, Event) else None)
        state = target
    return tuple(lived)


class History:
    """Gathers events in any order; ``settle`` brings them into the order of time. One that is not kept gathers none."""

    def __init__(self, dice: Dice, copier: Copier, *, kept: bool = True) -> None:
        self.dice, self.copier, self.kept = dice, copier, kept
        self.written = 0
        self._rows: list[tuple[Any, ...]] = []
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TEMPORARY TABLE crowd_history ON COMMIT DROP AS SELECT {COLUMNS} FROM workflows_eventrecord "  # noqa: S608  (constants)
                "WITH NO DATA"
            )
            # Of two things at the same moment, the one that was told first.
            cursor.execute("ALTER TABLE crowd_history ADD COLUMN place bigserial")

    def tell(
        self,
        lived: Iterable[Told | None],
        moments: Iterable[datetime],
        subject: str | UUID,
        patient: str | UUID | None,
    ) -> None:
        """One event after the other, each at its moment; each set off by somebody of its own accord."""
        if not self.kept:
            return
        for each, at in zip(lived, moments, strict=True):
            if each is not None:
                uid = self.dice.uuid(at)
                self._rows.append((uid, each.name, each.subject, subject, patient, each.data, at, uid))

    def write(self) -> None:
        """Hand over what was gathered."""
        self.copier.copy("crowd_history", COLUMNS.split(", "), self._rows)
        self.written += len(self._rows)
        self._rows = []

    def settle(self) -> Iterator[int]:
        """Record all of them, oldest first; yields how many, again and again.

        The dispatcher is kept out until this transaction ends, so that no position is given twice. The indexes are made
        anew afterwards: row by row they would take twice as long as everything else.
        """
        indexes = EventRecord._meta.indexes
        with connection.schema_editor() as editor:
            for index in indexes:
                editor.remove_index(EventRecord, index)
        yield from self._record()
        with connection.schema_editor() as editor:
            for index in indexes:
                editor.add_index(EventRecord, index)

    def _record(self) -> Iterator[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            cursor.execute("CREATE INDEX ON crowd_history (occurred_at, place)")
            cursor.execute("SELECT coalesce(max(position), 0) FROM workflows_eventrecord")
            position, last = cursor.fetchone()[0], (datetime.min, 0)
            while True:
                cursor.execute(
                    f"""
                    WITH next AS MATERIALIZED (
                        SELECT {COLUMNS}, place FROM crowd_history WHERE (occurred_at, place) > (%s, %s)
                        ORDER BY occurred_at, place LIMIT %s
                    ), recorded AS (
                        INSERT INTO workflows_eventrecord
                            ({COLUMNS}, recorded_at, actor_kind, actor_id, depth, quiet, position)
                        SELECT {COLUMNS}, occurred_at, %s, '', 0, true,
                               %s + row_number() OVER (ORDER BY occurred_at, place)
                        FROM next ORDER BY occurred_at, place
                    )
                    SELECT occurred_at, place, count(*) OVER () FROM next ORDER BY occurred_at DESC, place DESC LIMIT 1
                    """,  # noqa: S608  (constants)
                    [*last, SLICE, ActorKind.SYSTEM.value, position],
                )
                if (end := cursor.fetchone()) is None:
                    return
                *last, number = end
                position += number
                yield number
