"""A few places from which requests may wait for news, so that those who wait leave processes for those who work."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

#: Two who find the same place free are settled by the row: one waits, the other is told there is no room.
TAKE = """
INSERT INTO access_waitingplace AS place (number, holder, until)
SELECT number, %(holder)s, statement_timestamp() + %(seconds)s * interval '1 second'
FROM generate_series(1, %(places)s) AS numbers(number)
WHERE NOT EXISTS (SELECT 1 FROM access_waitingplace AS taken
                  WHERE taken.number = numbers.number AND taken.until > statement_timestamp())
ORDER BY number LIMIT 1
ON CONFLICT (number) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE place.until <= statement_timestamp()
RETURNING number
"""
LEAVE = "UPDATE access_waitingplace SET until = statement_timestamp() WHERE number = %s AND holder = %s"


@contextmanager
def waiting(places: int, seconds: float) -> Iterator[bool]:
    """Inside the block one place of so many is held for at most that long; False when all of them are taken."""
    holder = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"holder": holder, "seconds": seconds, "places": places})
        taken = cursor.fetchone()
    try:
        yield taken is not None
    finally:
        if taken is not None:
            with connection.cursor() as cursor:
                cursor.execute(LEAVE, [taken[0], holder])
