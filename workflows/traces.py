"""Verdicts for people: each condition on a line of its own, with what was found and what was asked.

What was found is shown to those who hold the fact's permission; the verdict to everybody who may see the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careops.access.actor import Actor
from workflows.catalogue import NotPermitted, event_facts, facts
from workflows.conditions import Group, needed_to_read, reason
from workflows.conditions.refs import PAYLOAD, RESULT

#: Stands where a value is that the reader may not see.
HIDDEN = "•••"

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


def require_readable(tree: Group, *, by: Actor, to: str) -> None:
    """Raises NotPermitted unless they may see the answer to everything the tree asks. ``to`` says what for."""
    for permission in sorted(needed_to_read(tree.fact_refs())):
        if not by.has_perm(permission):
            raise NotPermitted(to, permission)


def may_read(name: str, reader: Any) -> bool:
    """May they see what the fact of that name said? A fact that is gone since is seen by nobody."""
    if name in facts:
        return bool(reader.has_perm(facts.get(name).needs))
    return name in event_facts or bool(PAYLOAD.fullmatch(name) or RESULT.fullmatch(name))


def lines(trace: Mapping[str, Any], reader: Any) -> Iterator[Line]:
    """The trace from top to bottom, for that reader; the outermost "all" goes without saying."""
    counter = iter(range(1, 1_000))
    if not trace.get("group"):
        return
    if trace["group"] == "all":
        for each in trace["of"]:
            yield from _lines(each, 0, counter, reader)
    else:
        yield from _lines(trace, 0, counter, reader)


def _lines(node: Mapping[str, Any], depth: int, counter: Iterator[int], reader: Any) -> Iterator[Line]:
    if "group" not in node:
        shown = node if may_read(node["fact"], reader) else {**node, "actual": HIDDEN}
        yield Line(reason(shown), node["holds"], depth, next(counter))
        return
    yield Line(str(GROUPS[node["group"]]), node["holds"], depth)
    for each in node["of"]:
        yield from _lines(each, depth + 1, counter, reader)


def why_not(trace: Mapping[str, Any], reader: Any) -> str:
    """What kept it from running: the first condition that did not hold, or the bound that was reached."""
    if refused := trace.get("refused"):
        return str(REFUSED.get(refused, refused))
    for line in lines(trace, reader):
        if line.number and not line.holds:
            return _("stopped by condition %(number)s: %(reason)s") % {
                "number": line.number,
                "reason": line.text,
            }
    return _("a condition that must not hold did hold")
