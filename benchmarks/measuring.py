"""Numbers from repeated measurements: medians with their spread, ratios of pairs taken in the same round."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import NamedTuple


class Spread(NamedTuple):
    """A median and the least and the greatest value beside it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError where there are none."""
        return cls(median(values), min(values), max(values))

    def text(self, unit: str = "") -> str:
        """``1.24 × [1.19–1.30]``."""
        unit = f" {unit}" if unit else ""
        if self.low == self.high:
            return f"{digits(self.median)}{unit}"
        return f"{digits(self.median)}{unit} [{digits(self.low)}–{digits(self.high)}]"


def digits(number: float) -> str:
    """Three digits that count, thousands apart: 0.00213, 1.24, 12.4, 124, 12 400."""
    if not math.isfinite(number):
        return "–"
    if number == 0:
        return "0"
    rounded = float(f"{number:.2e}")
    places = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{places}f}".replace(",", "\u202f")


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours by theirs, round by round. Raises ValueError unless there are as many of one as of the other."""
    return Spread.of([one / other for one, other in zip(ours, theirs, strict=True)])


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share (0.95) of them lies, between two neighbours in proportion."""
    if not values:
        raise ValueError("There is no percentile of nothing.")
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def rounds(number: int, contenders: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measure everybody in every round, each second round in the opposite order: what drifts hits all alike."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(number):
        names = list(contenders) if turn % 2 == 0 else list(reversed(contenders))
        for name in names:
            found[name].append(contenders[name]())
    return found
