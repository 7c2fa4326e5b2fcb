"""What a benchmark found: promises with what was measured, and the figures behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.measuring import Spread, digits


class Skipped(Exception):
    """The benchmark cannot be run here; the text says why, and what would change that."""


@dataclass(frozen=True, slots=True)
class Line:
    """One promise. ``met`` None means that nothing was promised or nothing could be measured."""

    promise: str
    target: str
    measured: str
    met: bool | None


@dataclass(slots=True)
class Outcome:
    lines: list[Line] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str = ""

    def at_most(self, promise: str, target: float, found: Spread, unit: str) -> None:
        """The median decides."""
        self._promise(promise, f"≤ {digits(target)} {unit}", found, unit, found.median <= target)

    def at_least(self, promise: str, target: float, found: Spread, unit: str) -> None:
        """The median decides."""
        self._promise(promise, f"≥ {digits(target)} {unit}", found, unit, found.median >= target)

    def _promise(self, promise: str, target: str, found: Spread, unit: str, met: bool) -> None:
        self.lines.append(Line(promise, target, found.text(unit), met))

    def figure(self, what: str, values: Sequence[float], unit: str) -> None:
        """A number that no promise is about, but that one may want to know."""
        self.figures.append((what, Spread.of(values).text(unit)))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Outcome:
        """Raises TypeError for what no outcome was written as."""
        return cls(
            lines=[Line(**line) for line in kept["lines"]],
            figures=[(what, said) for what, said in kept["figures"]],
            notes=list(kept["notes"]),
            skipped=kept["skipped"],
        )
