"""Dispatch: committed events get the next positions, and are handed in batches to whoever acts upon them.

One process at a time does it, in one short transaction, so positions are gapless. Whatever was committed before another
event was written comes before it. Acting upon the events is left to as many processes as there are (``following``).
"""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction

from workflows.engine import limits
from workflows.models import EventBatch, QueueState
from workflows.models.event_record import wake

#: The advisory lock's number: "careops dispatch", whoever holds it numbers events.
LOCK = 0x0CA2E0B5
#: Events numbered in one go: something to do for several workers, and over before anybody waits for it.
AT_ONCE = 5 * limits.BATCH

# No more is read of the events than their names: one whose row cannot be loaded must not stop all that come after it.
# The lock is another statement's business: this one must not see the table as it was before the lock was had.
# The first batch is its dispatcher's own, where that wants one: it saves looking for work that was just laid down.
NUMBER = f"""
    WITH next AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY id) AS place
        FROM (SELECT id FROM workflows_eventrecord WHERE position IS NULL ORDER BY id LIMIT %(limit)s) AS waiting
    ), numbered AS (
        UPDATE workflows_eventrecord AS row
        SET position = next.place + (SELECT coalesce(max(position), 0) FROM workflows_eventrecord)
        FROM next WHERE row.id = next.id RETURNING row.position, row.name, row.quiet, next.place
    ), batches AS (
        SELECT min(position) AS first, max(position) AS last, array_agg(DISTINCT name) AS names,
               %(worker)s <> '' AND row_number() OVER (ORDER BY min(position)) = 1 AS mine
        FROM numbered WHERE NOT quiet GROUP BY (place - 1) / {limits.BATCH}
    ), handed_over AS (
        INSERT INTO workflows_eventbatch (first, last, names, state, lane, fence, worker, lease_until, attempts, crashes,
                                          alone, error_code, error, log)
        SELECT first, last, names, CASE WHEN mine THEN 'running' ELSE 'due' END, 'default', mine::int,
               CASE WHEN mine THEN %(worker)s ELSE '' END,
               CASE WHEN mine THEN statement_timestamp() + make_interval(secs => %(lease)s) END, 0, 0, false, '', '', '[]'
        FROM batches RETURNING id, first, last, names, state
    )
    SELECT (SELECT count(*) FROM numbered), (SELECT count(*) FROM handed_over), mine.id, mine.first, mine.last, mine.names
    FROM (SELECT 1) AS always LEFT JOIN handed_over AS mine ON mine.state = 'running'
"""  # noqa: S608  (a number of ours)


def dispatch(limit: int = AT_ONCE) -> int:
    """Number the next events and hand them over. Returns how many; 0 when another process is at it."""
    return dispatch_for("", limit)[0]


def dispatch_for(worker: str, limit: int = AT_ONCE) -> tuple[int, EventBatch | None]:
    """The same, and the first of the batches claimed for this worker; None where there is none or nobody was named."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() != (True,):
            return 0, None
        cursor.execute(NUMBER, {"limit": limit, "worker": worker, "lease": settings.ENGINE["LEASE_SECONDS"]})
        events, batches, pk, first, last, names = cursor.fetchone()
        mine = pk and EventBatch(
            id=pk, first=first, last=last, names=names, state=QueueState.RUNNING, fence=1, worker=worker
        )
        if batches > 1:
            wake(batches)  # one more than there is left: the one that rings may count as idle itself
    return int(events), mine
