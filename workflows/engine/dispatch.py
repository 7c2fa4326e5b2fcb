"""Dispatch: committed events get the next positions, and are handed in batches to whoever acts upon them.

One process at a time does it, in one short transaction, so positions are gapless. Whatever was committed before another
event was written comes before it. Acting upon the events is left to as many processes as there are (``following``).
"""

from __future__ import annotations

from django.db import connection, transaction

from workflows.engine import limits
from workflows.models.event_record import wake

#: The advisory lock's number: "careops dispatch", whoever holds it numbers events.
LOCK = 0x0CA2E0B5
#: Events numbered in one go: something to do for several workers, and over before anybody waits for it.
AT_ONCE = 5 * limits.BATCH

# No more is read of the events than their names: one whose row cannot be loaded must not stop all that come after it.
# The lock is another statement's business: this one must not see the table as it was before the lock was had.
NUMBER = f"""
    WITH next AS MATERIALIZED (
        SELECT id, row_number() OVER (ORDER BY id) AS place
        FROM (SELECT id FROM workflows_eventrecord WHERE position IS NULL ORDER BY id LIMIT %s) AS waiting
    ), numbered AS (
        UPDATE workflows_eventrecord AS row
        SET position = next.place + (SELECT coalesce(max(position), 0) FROM workflows_eventrecord)
        FROM next WHERE row.id = next.id RETURNING row.position, row.name, row.quiet, next.place
    ), handed_over AS (
        INSERT INTO workflows_eventbatch (first, last, names, state, lane, fence, worker, attempts, crashes, alone,
                                          error_code, error, log)
        SELECT min(position), max(position), array_agg(DISTINCT name), 'due', 'default', 0, '', 0, 0, false, '', '', '[]'
        FROM numbered WHERE NOT quiet GROUP BY (place - 1) / {limits.BATCH} RETURNING 1
    )
    SELECT (SELECT count(*) FROM numbered), (SELECT count(*) FROM handed_over)
"""  # noqa: S608  (a number of ours)


def dispatch(limit: int = AT_ONCE) -> int:
    """Number the next events and hand them over. Returns how many; 0 when another process is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() != (True,):
            return 0
        cursor.execute(NUMBER, [limit])
        events, batches = cursor.fetchone()
        if batches > 1:
            wake(batches)
    return int(events)
