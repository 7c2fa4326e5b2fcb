"""Days and moments. One definition for Python and for SQL, so that the two readings cannot drift apart.

A day starts at midnight in the installation's time zone (``TIME_ZONE``), never in the reader's: a preview
in somebody's browser and a worker at night must reach the same verdict. Date-only values are compared by
days; moments are compared exactly with a moment, and with a day by its two midnights.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models.functions import TruncDate
from django.utils import timezone

DAY = timedelta(days=1)
#: The resolution of both Python's and PostgreSQL's clocks: a moment is a span this long.
TICK = timedelta(microseconds=1)


def is_day(value: date) -> bool:
    return not isinstance(value, datetime)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone()).astimezone(UTC)


def day_of(moment: datetime) -> date:
    return moment.astimezone(timezone.get_default_timezone()).date()


def edges(needed: date, day: bool) -> tuple[date, date]:
    """Where the needed day or moment begins and is over, in the terms of what it is compared with."""
    if day:
        start = needed if is_day(needed) else day_of(needed)  # type: ignore[arg-type]  # is_day has told
        return start, start + DAY
    if is_day(needed):
        return midnight(needed), midnight(needed + DAY)
    return needed, needed + TICK


def bound(moment: Any, day: bool) -> Any:
    """That moment, or the day it falls on when days are compared; of a datetime or an expression."""
    if not day:
        return moment
    if isinstance(moment, datetime):
        return day_of(moment)
    return TruncDate(moment, tzinfo=timezone.get_default_timezone())
