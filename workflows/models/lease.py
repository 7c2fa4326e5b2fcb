"""Claiming queue rows: a lease says who works on a row until when, a fence that nobody else may finish it.

A claim is committed before the work begins, so a worker that dies leaves a trace; what it did is not, so nothing is done
by halves. Rows whose lease ran out are handed out again, one at a time: only a row that was claimed *alone* when its
worker vanished counts a crash, and three crashes make it a dead letter. So a poison row kills no neighbour.

Leases follow the real clock, not ``careops_now()``: travelling in time must not take work out of anybody's hands.
Work under a lease is bounded by ``statement_timeout`` and deadlines rather than prolonged by a heartbeat (ADR 0004).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import Field

from careops.lib.bulk import made, type_of
from careops.lib.fields import EncryptedTextField
from workflows.models.queue import Queued

CRASH_CAP = 3

#: Not "=", for which the planner would walk the index of the rows that are running, whose statistics promise next to
#: nothing: whatever was claimed within the last minute has left an entry there. The rows' ids lead to them at once.
STILL_RUNNING = "state LIKE 'running'"

#: How often each lane of each queue was claimed from in this process.
_turns: dict[tuple[type[Queued], str], Iterator[int]] = defaultdict(lambda: count(1))

Q = TypeVar("Q", bound=Queued)


@cache
def _fields(model: type[Queued]) -> tuple[Field[Any, Any], ...]:
    """Every field but encrypted ones: a value that cannot be decrypted must fail its own row, not the whole claim."""
    return tuple(field for field in model._meta.concrete_fields if not isinstance(field, EncryptedTextField))


@cache
def _columns(model: type[Queued]) -> str:
    return ", ".join(f'row."{field.column}"' for field in _fields(model))


def _sealed(model: type[Queued]) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if field not in _fields(model)]


def claim(
    model: type[Q], lane: str, limit: int, *, worker: str, where: str = "true", durable: bool = False
) -> list[Q]:
    """Take up to ``limit`` due rows of a lane, oldest due first; a row to be worked on alone comes alone.

    ``durable`` waits for the claim to reach the disk. Without it a *server* crash may forget a claim, which is harmless
    for work whose effects would be lost with it, and fatal for an email that has left the house.
    """
    table = model._meta.db_table
    # States stand as literals: a generic plan with a bound state could not use the partial index.
    due = f"""
        SELECT id FROM {table} WHERE state = 'due' AND lane = %s AND due_at <= careops_now() AND ({where})
    """  # noqa: S608  (table and condition are ours)
    many = (f"{due} AND NOT alone", limit)
    one = (f"{due} AND alone", 1)
    # Lone rows get every fourth turn, so that a busy lane does not let them starve.
    (first, most), (second, more) = (one, many) if next(_turns[model, lane]) % 4 == 0 else (many, one)
    at_ease = "true" if durable else "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'"
    # One statement, hence one journey: most looks find nothing. The second choice is not looked at where there is a
    # first. Arrays keep the planner from joining the whole table to the few rows that are due.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} AS row SET state = 'running', fence = row.fence + 1, worker = %s,
                   lease_until = statement_timestamp() + make_interval(secs => %s)
            WHERE {at_ease} AND row.id = ANY(coalesce(
                nullif(ARRAY({first} ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED), '{{}}'),
                ARRAY({second} ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED)))
            RETURNING {_columns(model)}
            """,  # noqa: S608  (table and condition are ours)
            [worker, settings.ENGINE["LEASE_SECONDS"], lane, most, lane, more],
        )
        return sorted(made(model, _fields(model), cursor.fetchall()), key=lambda row: (row.due_at, row.pk))


def hold(model: type[Q], rows: Sequence[Q]) -> list[Q]:
    """Lock, in this transaction, those of the rows that are still ours, and read them again; the others were given to
    somebody else."""
    fences = {row.pk: row.fence for row in rows}
    running = model._base_manager.filter(pk__in=fences, state="running")
    held = running.select_for_update(of=("self",)).order_by("pk").defer(*_sealed(model))
    return [row for row in held if row.fence == fences[row.pk]]


def hold_claimed(model: type[Q], rows: Sequence[Q]) -> list[Q]:
    """``hold`` for rows fresh from their claim: whoever else writes one raises its fence, so none is read again."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, fence FROM {model._meta.db_table} WHERE id = ANY(%s) AND {STILL_RUNNING} "  # noqa: S608  (the table is ours)
            "ORDER BY id FOR UPDATE",
            [[row.pk for row in rows]],
        )
        fences = dict(cursor.fetchall())
    return [row for row in rows if fences.get(row.pk) == row.fence]


def finish(model: type[Q], rows: Sequence[Q], names: Sequence[str]) -> list[Q]:
    """Write these fields of the rows that are still ours, all in one statement, and return those."""
    if not rows:
        return []
    table = model._meta.db_table
    fields: list[Any] = [model._meta.get_field(name) for name in ("id", "fence", *names)]
    types = ", ".join(f'"{field.column}" {type_of(field)}' for field in fields)
    changes = ", ".join(f'"{field.column}" = new."{field.column}"' for field in fields[2:])
    values = [{field.column: getattr(row, field.attname) for field in fields} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} AS row SET {changes} FROM json_to_recordset(%s) AS new({types}) "  # noqa: S608  (all ours)
            f"WHERE row.id = new.id AND row.fence = new.fence AND row.{STILL_RUNNING} RETURNING row.id",
            [json.dumps(values, default=str, ensure_ascii=False)],
        )
        ours = {pk for (pk,) in cursor.fetchall()}
    return [row for row in rows if row.pk in ours]


def release(model: type[Q], rows: Iterable[Q]) -> None:
    """Give rows back untouched, for somebody else or for the next round."""
    mine = [(row.pk, row.fence) for row in rows]
    if not mine:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} AS row SET state = 'due', lease_until = NULL "  # noqa: S608  (the table is ours)
            f"FROM unnest(%s::{model._meta.pk.rel_db_type(connection)}[], %s::int[]) AS mine(id, fence) "
            f"WHERE row.id = mine.id AND row.fence = mine.fence AND row.{STILL_RUNNING}",
            [[pk for pk, _fence in mine], [fence for _pk, fence in mine]],
        )


def reap(model: type[Q], *, where: str = "true", limit: int = 200) -> list[Q]:
    """Take back rows whose worker vanished: due again and alone from now on, or dead after three crashes alone."""
    table = model._meta.db_table
    return list(
        model._base_manager.raw(
            f"""
            UPDATE {table} AS row SET
                state = CASE WHEN alone AND crashes + 1 >= %s THEN 'failed' ELSE 'due' END,
                error_code = CASE WHEN alone AND crashes + 1 >= %s THEN 'crashed' ELSE error_code END,
                finished_at = CASE WHEN alone AND crashes + 1 >= %s THEN careops_now() END,
                crashes = crashes + alone::int, alone = true, fence = row.fence + 1, lease_until = NULL,
                log = log || jsonb_build_array(jsonb_build_object(
                    'at', careops_now(), 'worker', worker, 'error', 'the worker vanished'))
            FROM (SELECT id FROM {table} WHERE state = 'running' AND lease_until < statement_timestamp() AND {where}
                  ORDER BY lease_until LIMIT %s FOR UPDATE SKIP LOCKED) AS lost
            WHERE row.id = lost.id RETURNING {_columns(model)}
            """,  # noqa: S608  (table and condition are ours)
            [CRASH_CAP, CRASH_CAP, CRASH_CAP, limit],
        )
    )


def note(
    row: Queued, *, at: Any, error: str = "", extra: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The row's log with one more attempt in it; the newest twenty are kept."""
    entry = {"at": at.isoformat(), "worker": row.worker, "error": error, **(extra or {})}
    return [*row.log, entry][-20:]
