"""Chance that repeats itself: the same seed gives the same clinic, to the last digit of the last id."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from random import Random
from typing import TypeVar

T = TypeVar("T")


@cache
def _falling(count: int) -> list[float]:
    """Cumulative weights of a list whose n-th entry is √n times rarer than its first."""
    return list(accumulate(1 / math.sqrt(place) for place in range(1, count + 1)))


class Dice(Random):
    """A ``random.Random`` that also knows the throws of this package."""

    def uuid(self, at: datetime) -> str:
        """A UUID of version 7 made at that moment, as PostgreSQL reads it."""
        milliseconds = int(at.timestamp() * 1000)
        chance = self.getrandbits(74)
        return f"{milliseconds:012x}7{chance >> 62:03x}{0b10 << 62 | chance & (1 << 62) - 1:016x}"

    def frequent(self, names: Sequence[T]) -> T:
        """One of them, the earlier ones more often."""
        return self.choices(names, cum_weights=_falling(len(names)))[0]

    def weighted(self, weights: dict[T, float]) -> T:
        return self.choices(list(weights), weights=list(weights.values()))[0]

    def between(self, start: datetime, end: datetime) -> datetime:
        """A moment, the same chance for each; ``start`` where that is the later one."""
        return start + max(end - start, timedelta(0)) * self.random()

    def soon_after(self, at: datetime, hours: float) -> datetime:
        """Some time later, so many hours on average: often soon, now and then much later."""
        return at + timedelta(hours=self.expovariate(1 / hours))
