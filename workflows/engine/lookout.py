"""What there is to do, and a sign of life, in one statement.

A drain asks this before everything else, and again and again while nothing happens. The statement has a dozen parts,
each a glance at the head of an index; planning it would take five times as long as carrying it out, so it is prepared
once per turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection

from workflows.models import Delivery, EventBatch, InboundMessage, Lane, Queued, StepRun


@dataclass(frozen=True, slots=True)
class Ahead:
    """Events to be numbered, batches to be followed, and the lanes that have messages or rows due."""

    events: bool
    batches: bool
    messages: frozenset[str]
    rows: frozenset[str]


#: Says what is ahead of a drain that is idle, or not; None when somebody struck it off the list.
Lookout = Callable[[bool], Ahead | None]


@contextmanager
def lookout(worker: str, lane: str, lanes: Sequence[str]) -> Iterator[Lookout]:
    """Watch these lanes for the drain of that name, which is on the list already."""
    with connection.cursor() as cursor:
        cursor.execute(f"PREPARE careops_look (boolean, text) AS {_statement(lane, lanes)}")

    def look(idle: bool) -> Ahead | None:
        with connection.cursor() as cursor:
            cursor.execute("EXECUTE careops_look(%s, %s)", [idle, worker])
            found = cursor.fetchone()
        return found and Ahead(found[0], found[1], frozenset(found[2]), frozenset(found[3]))

    try:
        yield look
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE careops_look")


def _statement(lane: str, lanes: Sequence[str]) -> str:
    """The sign of life need not reach the disk: a crash of the server ends the drain, too."""
    messages, rows = (
        ", ".join(f"CASE WHEN {_due(model, each)} THEN '{each}' END" for each in lanes)
        for model in (InboundMessage, Delivery if lane == "send" else StepRun)
    )
    return f"""
        WITH quickly AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
             me AS (UPDATE workflows_drainer SET seen_at = statement_timestamp(), idle = $1 FROM quickly
                    WHERE name = $2 RETURNING 1)
        SELECT (SELECT id FROM workflows_eventrecord WHERE position IS NULL ORDER BY id LIMIT 1) IS NOT NULL,
               {_due(EventBatch, Lane.DEFAULT)},
               array_remove(ARRAY[{messages}], NULL), array_remove(ARRAY[{rows}], NULL)
        FROM me
    """  # noqa: S608  (tables and lanes are ours)


def _due(model: type[Queued], lane: str) -> str:
    """Is a row of that lane due? The head of each of the claim's two indexes tells."""
    due = (
        f"SELECT due_at FROM {model._meta.db_table} "  # noqa: S608  (table and lane are ours)
        f"WHERE state = 'due' AND lane = '{lane}' AND {{alone}} ORDER BY due_at LIMIT 1"
    )
    return (
        f"(coalesce(({due.format(alone='NOT alone')}) <= careops_now(), false) OR "
        f"coalesce(({due.format(alone='alone')}) <= careops_now(), false))"
    )
