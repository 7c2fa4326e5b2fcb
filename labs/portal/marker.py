"""A marker as patients read it: in words first, then as a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Window
from django.db.models.functions import Coalesce, RowNumber
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careops.surfaces.portal import PortalView
from labs.models import Report, Result
from labs.portal.drawing import Bar, Reading, Trend, bar, plain, trend

#: How many readings of one marker a page shows, the newest ones.
READINGS = 24

CRITICAL = (gettext_lazy("Critical – call us"), "stop")
ABOVE = (gettext_lazy("Above the range"), "wait")
BELOW = (gettext_lazy("Below the range"), "wait")
FLAGGED = (gettext_lazy("Not as expected"), "wait")
WITHIN = (gettext_lazy("Within the range"), "good")
EXPECTED = (gettext_lazy("As expected"), "good")


def verdict(result: Result) -> tuple[Any, str]:
    """What the lab says of it, for people, and the badge's tone; the gravest reading wins."""
    judgements = (
        (result.is_critical, CRITICAL),
        (result.above_max, ABOVE),
        (result.below_min, BELOW),
        (result.interpretation == Result.Interpretation.ABNORMAL, FLAGGED),
        (result.number is not None and _has_range(result), WITHIN),
    )
    return next((said for applies, said in judgements if applies), EXPECTED)


def _has_range(result: Result) -> bool:
    return result.min_range is not None or result.max_range is not None


def expected(result: Result) -> str:
    """The range in words, "" where the lab gave none."""
    low, high = (None if end is None else plain(end) for end in (result.min_range, result.max_range))
    told = {"low": low, "high": high, "unit": result.unit}
    if low is not None and high is not None:
        return (_("%(low)s to %(high)s %(unit)s") % told).strip()
    if high is not None:
        return (_("up to %(high)s %(unit)s") % told).strip()
    return (_("%(low)s or more %(unit)s") % told).strip() if low is not None else ""


@dataclass(frozen=True, slots=True)
class Row:
    """A reading in the table beneath a trend."""

    reading: Reading
    label: Any
    tone: str


@dataclass(frozen=True, slots=True)
class Marker:
    result: Result
    label: Any
    tone: str
    expected: str
    bar: Bar | None
    trend: Trend | None
    rows: Sequence[Row]

    @property
    def is_critical(self) -> bool:
        return self.result.is_critical

    @property
    def weight(self) -> int:
        """What needs attention stands first."""
        return ("stop", "wait", "good").index(self.tone)


def when(report: Report) -> datetime:
    """When the sample was taken, as well as we know."""
    return report.collected_at or report.reported_at or report.created_at


def markers(page: PortalView, report: Report) -> list[Marker]:
    """The markers of a released report, each with its history over all that were released."""
    results = page.listed(page.records(report.results.all()))
    readings = _readings(page, {result.slug for result in results})
    found = [_marker(result, readings[result.slug, result.unit]) for result in results]
    return sorted(found, key=lambda marker: marker.weight)


def _marker(result: Result, readings: Sequence[Reading]) -> Marker:
    label, tone = verdict(result)
    rows = [Row(reading, *verdict(reading.result)) for reading in reversed(readings)]
    return Marker(
        result,
        label,
        tone,
        expected(result),
        bar(result),
        trend(readings, result),
        rows if len(rows) > 1 else (),
    )


def _readings(page: PortalView, slugs: set[str]) -> dict[tuple[str, str], list[Reading]]:
    """Per marker and unit, oldest first; a value in another unit belongs to another line."""
    at = Coalesce("report__collected_at", "report__reported_at", "report__created_at")
    released = page.records(Result.objects.filter(slug__in=slugs, report__released_at__isnull=False))
    newest = Window(RowNumber(), partition_by=["slug", "unit"], order_by=[F("at").desc(), F("id").desc()])
    rows = released.annotate(at=at).annotate(place=newest).filter(place__lte=READINGS).order_by("at", "id")
    found: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for result in page.listed(rows):
        found[result.slug, result.unit].append(Reading(result, result.at))
    return found
