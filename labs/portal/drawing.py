"""Pictures of markers, drawn on the server: where a value lies in its range, and how it went over time.

Widths are shares of a hundred and heights are pixels, so a picture fills any window without stretching its
letters. Coordinates are texts: a template would write them with the reader's decimal comma.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from django.utils import timezone
from django.utils.formats import date_format

from labs.models import Result

#: Labels of the range are drawn when its ends are that far apart, of a hundred.
ROOM_FOR_BOUNDS = 16
#: The same for dates under a trend, and the most points whose values are written beside them.
ROOM_FOR_DATE, ROOM_FOR_VALUES = 24, 6
#: The trend's lines: the highest and the lowest a point may lie, and the dates.
TOP, BOTTOM, DATES = 26, 108, 138


def share(of_hundred: float) -> str:
    return f"{of_hundred:.2f}%"


def plain(number: Decimal) -> str:
    """As short as it can be written: 5.600000 is 5.6."""
    return f"{number.normalize():f}"


# ── One value in its range ────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Bound:
    x: str
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The range as a band on a line, and the value as a mark on it."""

    band_x: str
    band_width: str
    value_x: str
    bounds: Sequence[Bound]


def bar(result: Result) -> Bar | None:
    """None where there is no number, or no range to place it in; one the wrong way round is none."""
    value, low, high = result.number, result.min_range, result.max_range
    ends = [float(end) for end in (low, high) if end is not None]
    if value is None or not ends or result.is_backwards:
        return None
    least, most = _reach(float(value), ends, open_below=low is None, open_above=high is None)

    def place(number: float) -> float:
        return 4 + 92 * (number - least) / (most - least)

    left = 0.0 if low is None else place(float(low))
    right = 100.0 if high is None else place(float(high))
    bounds = [Bound(share(place(float(end))), plain(end)) for end in (low, high) if end is not None]
    roomy = len(bounds) == 1 or right - left >= ROOM_FOR_BOUNDS
    return Bar(share(left), share(right - left), share(place(float(value))), bounds if roomy else ())


def _reach(value: float, ends: Sequence[float], *, open_below: bool, open_above: bool) -> tuple[float, float]:
    """From where to where the line goes: beyond the range on both sides, and beyond the value."""
    span = (max(ends) - min(ends)) or abs(ends[0]) or 1.0
    least = min(ends) - span * (0.9 if open_below else 0.6)
    most = max(ends) + span * (0.9 if open_above else 0.6)
    return min(least, value - span * 0.1), max(most, value + span * 0.1)


# ── One marker over time ──────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Reading:
    """A result and when it was true."""

    result: Result
    at: datetime


@dataclass(frozen=True, slots=True)
class Point:
    x: str
    y: str
    reading: Reading
    is_this: bool
    label_y: str
    date: str


@dataclass(frozen=True, slots=True)
class Trend:
    points: Sequence[Point]
    band_y: str
    band_height: str
    shows_values: bool

    @property
    def segments(self) -> Iterator[tuple[Point, Point]]:
        return pairwise(self.points)

    @property
    def first(self) -> Reading:
        return self.points[0].reading

    @property
    def last(self) -> Reading:
        return self.points[-1].reading


def trend(readings: Sequence[Reading], this: Result) -> Trend | None:
    """The readings that are numbers, oldest first, with this result's range as a band. None for fewer than two."""
    found = [reading for reading in readings if reading.result.number is not None]
    if len(found) < 2:
        return None
    across = _across([reading.at for reading in found])
    down = _Down([float(reading.result.number) for reading in found], this)
    dates = list(_dates([reading.at for reading in found], across))
    points = [
        Point(
            x=share(x),
            y=f"{down(float(reading.result.number)):.1f}",
            reading=reading,
            is_this=reading.result.pk == this.pk,
            label_y=f"{down(float(reading.result.number)) - 12:.1f}",
            date=date,
        )
        for reading, x, date in zip(found, across, dates, strict=True)
    ]
    above, below = down.band()
    return Trend(points, f"{above:.1f}", f"{below - above:.1f}", len(points) <= ROOM_FOR_VALUES)


def _across(moments: Sequence[datetime]) -> list[float]:
    """By time, from one edge to the other; side by side when all are of the same moment."""
    whole = (moments[-1] - moments[0]) / timedelta(seconds=1)
    if not whole:
        return [11 + 78 * place / (len(moments) - 1) for place in range(len(moments))]
    return [11 + 78 * ((moment - moments[0]) / timedelta(seconds=1)) / whole for moment in moments]


class _Down:
    """Values to heights: the highest on top, the range in sight."""

    def __init__(self, values: Sequence[float], this: Result) -> None:
        ends = (None, None) if this.is_backwards else (this.min_range, this.max_range)
        self.low, self.high = (None if end is None else float(end) for end in ends)
        seen = [*values, *(end for end in (self.low, self.high) if end is not None)]
        margin = (max(seen) - min(seen)) * 0.08 or abs(seen[0]) * 0.1 or 1.0
        self.least, self.most = min(seen) - margin, max(seen) + margin

    def __call__(self, value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (value - self.least) / (self.most - self.least)

    def band(self) -> tuple[float, float]:
        """Where the range begins and ends; an open side reaches the edge, no range is no band."""
        if self.low is None and self.high is None:
            return 0.0, 0.0
        above = TOP - 12.0 if self.high is None else self(self.high)
        below = BOTTOM + 6.0 if self.low is None else self(self.low)
        return above, below


def _dates(moments: Sequence[datetime], across: Sequence[float]) -> Iterator[str]:
    """A date under each point that has room for one; the last one always has."""
    written = "M Y" if moments[-1] - moments[0] > timedelta(days=60) else "M j"
    before = -float(ROOM_FOR_DATE)
    for place, (moment, x) in enumerate(zip(moments, across, strict=True)):
        is_last = place == len(moments) - 1
        if is_last or (x - before >= ROOM_FOR_DATE and across[-1] - x >= ROOM_FOR_DATE):
            before = x
            yield date_format(timezone.localtime(moment), written)
        else:
            yield ""
