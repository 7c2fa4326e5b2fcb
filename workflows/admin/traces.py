"""Verdicts for people: each condition on a line of its own, with what was found and what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows.conditions import reason

GROUPS = {
    "all": gettext_lazy("all of these"),
    "any": gettext_lazy("any of these"),
    "none": gettext_lazy("none of these"),
}
REFUSED = {
    "too_deep": gettext_lazy("Events kept causing events: it is part of a loop."),
    "too_often": gettext_lazy("It ran more than 20 times in an hour about the same record."),
    "too_many": gettext_lazy("The event would have started more than 50 runs."),
    "facts_failed": gettext_lazy("Its facts could not be computed."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One condition or the head of a group. ``number`` counts the conditions as people read them."""

    text: str
    holds: bool
    depth: int
    number: int = 0


def lines(trace: Mapping[str, Any]) -> Iterator[Line]:
    """The trace from top to bottom; the outermost "all" goes without saying."""
    counter = iter(range(1, 1_000))
    if not trace.get("group"):
        return
    if trace["group"] == "all":
        for each in trace["of"]:
            yield from _lines(each, 0, counter)
    else:
        yield from _lines(trace, 0, counter)


def _lines(node: Mapping[str, Any], depth: int, counter: Iterator[int]) -> Iterator[Line]:
    if "group" not in node:
        yield Line(reason(node), node["holds"], depth, next(counter))
        return
    yield Line(str(GROUPS[node["group"]]), node["holds"], depth)
    for each in node["of"]:
        yield from _lines(each, depth + 1, counter)


def why_not(trace: Mapping[str, Any]) -> str:
    """What kept it from running: the first condition that did not hold, or the bound that was reached."""
    if refused := trace.get("refused"):
        return str(REFUSED.get(refused, refused))
    for line in lines(trace):
        if line.number and not line.holds:
            return _("stopped by condition %(number)s: %(reason)s") % {
                "number": line.number,
                "reason": line.text,
            }
    return _("a condition that must not hold did hold")
