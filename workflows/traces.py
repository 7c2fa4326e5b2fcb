"""Traces for people: each condition on a line of its own, with what was found and what was asked.

A stored trace has answers and verdicts (``workflows.conditions.verdict`` writes it); what was asked is read from the
conditions that were published. What was found is shown to those who hold the fact's permission; the verdict to
everybody who may see the page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careops.access.actor import Actor
from workflows.catalogue import NotPermitted, event_facts, facts
from workflows.conditions import Asked, Group, asked, needed_to_read, question, reason
from workflows.conditions.groups import group_kinds
from workflows.conditions.refs import PAYLOAD, RESULT
from workflows.models import AutomationVersion, NonMatch, Run, StepRun

#: Stands where a value is that the reader may not see.
HIDDEN = "•••"

REFUSED = {
    "too_deep": gettext_lazy("Events kept causing events: it is part of a loop."),
    "too_often": gettext_lazy("It ran more than 20 times in an hour about the same record."),
    "too_many": gettext_lazy("The event would have started more than 50 runs."),
    "facts_failed": gettext_lazy("Its facts could not be computed."),
    "broken": gettext_lazy("The event could not be acted upon: no automation has seen it."),
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


# ── What was asked ──────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class _Condition:
    fact: str
    question: str
    words: Asked


@dataclass(frozen=True, slots=True)
class _Group:
    kind: str
    of: Sequence[_Condition | _Group]


def _read(stored: Mapping[str, Any]) -> _Condition | _Group:
    """A node as it was stored. It needs not be known to the code any more, so it is not parsed."""
    if "fact" in stored:
        name, operator = stored["fact"], stored["operator"]
        asks = question(name, operator, stored.get("value"), stored.get("parameters"))
        return _Condition(name, asks, asked(stored))
    kind, of = next(iter(stored.items()), ("all", []))
    return _Group(kind, [_read(each) for each in of])


def _leaves(node: _Condition | _Group) -> Iterator[_Condition]:
    if isinstance(node, _Condition):
        yield node
    else:
        for each in node.of:
            yield from _leaves(each)


_Judged = tuple[_Condition | _Group, bool, int]


def _judged(node: _Condition | _Group, held: Iterator[bool], depth: int) -> list[_Judged]:
    """The node and all below it, from top to bottom, with verdict and depth."""
    if isinstance(node, _Condition):
        return [(node, next(held, False), depth)]
    below = [_judged(each, held, depth + 1) for each in node.of]
    holds = group_kinds.get(node.kind).holds(sum(rows[0][1] for rows in below), len(below))
    return [(node, holds, depth), *chain.from_iterable(below)]


class Story:
    """The conditions of one version, or of one of its steps: they tell what came of them in any number of traces."""

    def __init__(self, conditions: Mapping[str, Any]) -> None:
        self._root = _read(conditions)
        self._leaves = list(_leaves(self._root))

    def lines(self, trace: Mapping[str, Any], reader: Any) -> Iterator[Line]:
        """From top to bottom, for that reader; the outermost "all" goes without saying."""
        if not trace.get("held"):
            return
        rows = _judged(self._root, (digit == "1" for digit in trace["held"]), 0)
        if isinstance(self._root, _Group) and group_kinds.get(self._root.kind).requires:
            rows = [(node, holds, depth - 1) for node, holds, depth in rows[1:]]
        number = 0
        for node, holds, depth in rows:
            if isinstance(node, _Group):
                yield Line(str(group_kinds.get(node.kind).head), holds, depth)
            else:
                number += 1
                yield Line(_found(node, trace, reader), holds, depth, number)

    def why_not(self, trace: Mapping[str, Any], reader: Any) -> str:
        """What kept it from running: the first condition that did not hold, or the bound that was reached."""
        if refused := trace.get("refused"):
            return str(REFUSED.get(refused, refused))
        place = trace["held"].find("0")
        if place < 0:
            return _("a condition that must not hold did hold")
        said = {"number": place + 1, "reason": _found(self._leaves[place], trace, reader)}
        return _("stopped by condition %(number)s: %(reason)s") % said


def _found(asks: _Condition, trace: Mapping[str, Any], reader: Any) -> str:
    actual = trace["saw"].get(asks.question) if may_read(asks.fact, reader) else HIDDEN
    return reason(asks.words, actual)


# ── Where it was stored ─────────────────────────────────────────────────────────────────────────────────
def lines_of(record: Run | StepRun, reader: Any) -> Iterator[Line]:
    """What a run's conditions, or those of one of its steps, came to."""
    return Story(_published(record)).lines(record.trace, reader)


def _published(record: Run | StepRun) -> Mapping[str, Any]:
    """The conditions that the record's version holds for it; what is built in has none."""
    version = record.version if isinstance(record, Run) else record.run.version
    if version is None:
        return {}
    if isinstance(record, Run):
        return dict(version.definition["conditions"])
    steps = version.definition["steps"]
    return next((dict(step["only_if"]) for step in steps if step["key"] == record.key), {})


@dataclass(frozen=True, slots=True)
class NonRun:
    """Why one automation did not run. An event that nobody could be shown has one without an automation."""

    automation: UUID | None
    version: int | None
    _story: Story
    _trace: Mapping[str, Any]

    def why(self, reader: Any) -> str:
        return self._story.why_not(self._trace, reader)

    def lines(self, reader: Any) -> list[Line]:
        return list(self._story.lines(self._trace, reader))


def non_runs(rows: Sequence[NonMatch]) -> dict[int, list[NonRun]]:
    """By the id of the event; one query for all of them."""
    stories = _stories(rows)
    told = defaultdict(list)
    for row in rows:
        for verdict, automation in zip_longest(row.verdicts, row.automations):
            version = verdict.get("version")
            story = stories.get((automation, version)) or Story({})
            told[row.pk].append(NonRun(automation, version, story, {"saw": row.saw, **verdict}))
    return told


def _stories(rows: Iterable[NonMatch]) -> dict[tuple[UUID, int], Story]:
    """By automation and number of the version."""
    spoken_of = {pk for row in rows for pk in row.automations}
    numbers = {verdict.get("version") for row in rows for verdict in row.verdicts} - {None}
    versions = AutomationVersion.objects.filter(automation__in=spoken_of, number__in=numbers)
    found = versions.values_list("automation_id", "number", "definition__conditions")
    return {(automation, number): Story(conditions) for automation, number, conditions in found}
