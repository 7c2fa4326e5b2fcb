"""Matching: which automations listen to an event, what their conditions saw, and why the others did not run."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DatabaseError, transaction

from workflows.catalogue.event import events as declared
from workflows.engine.facts import Question, Values, gather
from workflows.engine.lost import is_lost
from workflows.engine.program import Program
from workflows.models import EventRecord

log = logging.getLogger(__name__)

Trace = dict[str, Any]


class Verdicts:
    """The verdict and its trace for every automation that listened to an event of the batch."""

    def __init__(self) -> None:
        self._found: dict[int, dict[Program, tuple[bool, Trace]]] = defaultdict(dict)
        self._events: dict[int, EventRecord] = {}

    def add(self, event: EventRecord, candidate: Program, holds: bool, trace: Trace) -> None:
        self._events[event.pk] = event
        self._found[event.pk][candidate] = holds, trace

    def refuse(self, event: EventRecord, candidate: Program, reason: str) -> None:
        """A bound was reached: the run does not start, and the story says so."""
        self._found[event.pk][candidate] = False, {**self.trace(event, candidate), "refused": reason}

    def matches(self) -> list[tuple[EventRecord, Program]]:
        return [(event, candidate) for event in self._events.values() for candidate in self.matching(event)]

    def matching(self, event: EventRecord) -> list[Program]:
        return [candidate for candidate, (holds, _trace) in self._found[event.pk].items() if holds]

    def non_matching(self, event: EventRecord) -> list[tuple[Program, Trace]]:
        return [
            (candidate, trace) for candidate, (holds, trace) in self._found[event.pk].items() if not holds
        ]

    def trace(self, event: EventRecord, candidate: Program) -> Trace:
        return self._found[event.pk][candidate][1]


def match(events: Sequence[EventRecord], programs: Sequence[Program], *, isolate: bool = False) -> Verdicts:
    """Ask every listening automation's conditions about every event, each as of the moment it happened.

    What all of them want to know of an event is read at once. ``isolate`` asks one automation at a time, so that one
    whose facts cannot be computed spoils no other's run.
    """
    listeners: dict[str, list[Program]] = defaultdict(list)
    for candidate in programs:
        listeners[candidate.trigger].append(candidate)
    verdicts = Verdicts()
    asked = [(event, found) for event in events if (found := _listening(event, listeners))]
    if isolate:
        for event, found in asked:
            for candidate in found:
                _ask_alone(verdicts, event, candidate)
        return verdicts
    with transaction.atomic():
        answers = gather([_question(event, found) for event, found in asked])
    for (event, found), values in zip(asked, answers, strict=True):
        for candidate in found:
            _judge(verdicts, event, candidate, values)
    return verdicts


def _listening(event: EventRecord, listeners: Mapping[str, Sequence[Program]]) -> list[Program]:
    """A name that several vocabularies share is one name: nobody hears of an event twice."""
    return [
        candidate
        for name in sorted(declared.get(event.name).names())
        for candidate in listeners.get(name, ())
    ]


def _ask_alone(verdicts: Verdicts, event: EventRecord, candidate: Program) -> None:
    try:
        with transaction.atomic():
            (values,) = gather([_question(event, [candidate])])
    except DatabaseError as error:
        if is_lost(error):
            raise
        log.error("Facts of automation %s fail (%s).", candidate.automation_id, type(error).__name__)
        verdicts.add(event, candidate, False, {"refused": "facts_failed", "error": type(error).__name__})
    else:
        _judge(verdicts, event, candidate, values)


def _question(event: EventRecord, candidates: Sequence[Program]) -> Question:
    refs = frozenset().union(*(candidate.refs for candidate in candidates))
    return Question(event, event.occurred_at, refs, {})


def _judge(verdicts: Verdicts, event: EventRecord, candidate: Program, values: Values) -> None:
    verdict = candidate.conditions.evaluate(values, event.occurred_at)
    verdicts.add(event, candidate, verdict.holds, verdict.trace)
