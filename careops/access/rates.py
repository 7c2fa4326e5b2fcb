"""How often somebody may ask: counted in the database, because the cache is not atomic across processes.

One statement per request on an unlogged table, outside the request's transaction: a refused request counts, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

#: One row each, whose number starts anew with every minute. Which minute it is, the server's own clock says; who waited
#: for the row over the end of a minute is counted in the next one.
COUNT = """
INSERT INTO access_ratewindow AS known (who, began_at, used)
VALUES (%s, date_trunc('minute', statement_timestamp()), 1)
ON CONFLICT (who) DO UPDATE SET
  used = CASE WHEN known.began_at < excluded.began_at THEN 1 ELSE known.used + 1 END,
  began_at = greatest(known.began_at, excluded.began_at)
RETURNING used, ceil(extract(epoch FROM began_at + interval '1 minute' - statement_timestamp()))::int, xmax = 0
"""
#: Whoever is new throws some of the forgotten away, so that the table never outgrows those who asked of late.
FORGET = """
DELETE FROM access_ratewindow WHERE who IN (
  SELECT who FROM access_ratewindow WHERE began_at < statement_timestamp() - interval '1 day' LIMIT 20
  FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """Where somebody stands in the current minute; ``reset`` is in how many seconds the next one begins."""

    limit: int
    used: int
    reset: int

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        """As the IETF's draft on rate limit headers spells them."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "RateLimit-Reset": str(self.reset),
        }


def count(who: str, limit: int) -> Rate:
    """Count one more request of that caller; whether it was one too many, the answer says."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [who])
        used, reset, is_new = cursor.fetchone()
        if is_new:
            cursor.execute(FORGET)
    return Rate(limit, used, max(1, reset))
