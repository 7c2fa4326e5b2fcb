"""Matching: which automations listen to an event, what their conditions saw, and why the others did not run."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction

from workflows.catalogue.event import events as declared
from workflows.conditions import Answers, FactRef, Verdict
from workflows.engine.facts import Question, gather
from workflows.engine.lost import is_lost
from workflows.engine.program import Program
from workflows.models import EventRecord

log = logging.getLogger(__name__)


class Verdicts:
    """The verdict of every automation that listened to an event of the batch."""

    def __init__(self) -> None:
        self._found: dict[int, dict[Program, Verdict]] = {}
        self._events: dict[int, EventRecord] = {}

    def add(self, event: EventRecord, found: dict[Program, Verdict]) -> None:
        self._events[event.pk] = event
        self._found[event.pk] = found

    def refuse(self, event: EventRecord, candidate: Program, reason: str) -> None:
        """A bound was reached: the run does not start, and the story says so."""
        found = self._found[event.pk]
        found[candidate] = found[candidate]._replace(holds=False, notes={"refused": reason})

    def matches(self) -> list[tuple[EventRecord, Program]]:
        return [(event, candidate) for event in self._events.values() for candidate in self.matching(event)]

    def matching(self, event: EventRecord) -> list[Program]:
        return [candidate for candidate, verdict in self._of(event) if verdict.holds]

    def non_matching(self, event: EventRecord) -> list[tuple[Program, Verdict]]:
        """Their verdicts share what was seen of the event."""
        return [(candidate, verdict) for candidate, verdict in self._of(event) if not verdict.holds]

    def trace(self, event: EventRecord, candidate: Program) -> dict[str, Any]:
        return self._found[event.pk][candidate].trace

    def _of(self, event: EventRecord) -> Iterable[tuple[Program, Verdict]]:
        return self._found.get(event.pk, {}).items()


def match(events: Sequence[EventRecord], programs: Sequence[Program], *, isolate: bool = False) -> Verdicts:
    """Ask every listening automation's conditions about every event, each as of the moment it happened.

    What all of them want to know of an event is read at once, and what several ask is judged once. ``isolate`` asks
    one automation at a time, so that one whose facts cannot be computed spoils no other's run.
    """
    verdicts = Verdicts()
    listening = _listening(events, programs)
    asked = [(event, listening[event.name]) for event in events if listening[event.name].programs]
    if isolate:
        for event, audience in asked:
            answers = Answers({}, event.occurred_at)
            verdicts.add(event, {each: _ask_alone(event, each, answers) for each in audience.programs})
        return verdicts
    found = gather([Question(event, event.occurred_at, audience.refs, {}) for event, audience in asked])
    for (event, audience), values in zip(asked, found, strict=True):
        answers = Answers(values, event.occurred_at)
        verdicts.add(event, {each: each.conditions.weigh(answers) for each in audience.programs})
    return verdicts


@dataclass(frozen=True, slots=True)
class _Audience:
    """Who hears of an event, and everything they want to know of it."""

    programs: Sequence[Program]
    refs: frozenset[FactRef]


def _listening(events: Sequence[EventRecord], programs: Sequence[Program]) -> dict[str, _Audience]:
    """By the events' names. A name that several vocabularies share is one name: nobody hears of an event twice."""
    listeners: dict[str, list[Program]] = defaultdict(list)
    for candidate in programs:
        listeners[candidate.trigger].append(candidate)
    found = {}
    for event_name in {event.name for event in events}:
        heard = [
            each for name in sorted(declared.get(event_name).names()) for each in listeners.get(name, ())
        ]
        found[event_name] = _Audience(heard, frozenset().union(*(each.refs for each in heard)))
    return found


def _ask_alone(event: EventRecord, candidate: Program, answers: Answers) -> Verdict:
    try:
        with transaction.atomic():
            (values,) = gather([Question(event, event.occurred_at, candidate.refs, {})])
    except DatabaseError as error:
        if is_lost(error):
            raise
        name = type(error).__name__
        log.error("Facts of automation %s fail (%s).", candidate.automation_id, name)
        return Verdict(False, "", answers.saw, (), {"refused": "facts_failed", "error": name})
    answers.values.update(values)
    return candidate.conditions.weigh(answers)
