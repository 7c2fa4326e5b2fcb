"""Matching: which automations listen to an event, what their conditions saw, and why the others did not run."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
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

    ``isolate`` asks one automation at a time, so that one whose facts cannot be computed spoils no other's run.
    """
    asked = [
        (event, candidate)
        for event in events
        for names in (declared.get(event.name).names(),)
        for candidate in programs
        if candidate.trigger in names
    ]
    verdicts = Verdicts()
    for group in [[one] for one in asked] if isolate else [asked]:
        try:
            with transaction.atomic():
                answers = gather([_question(event, candidate) for event, candidate in group])
        except DatabaseError as error:
            if not isolate or is_lost(error):
                raise
            event, candidate = group[0]
            log.error("Facts of automation %s fail (%s).", candidate.automation_id, type(error).__name__)
            verdicts.add(event, candidate, False, {"refused": "facts_failed", "error": type(error).__name__})
            continue
        for (event, candidate), values in zip(group, answers, strict=True):
            _judge(verdicts, event, candidate, values)
    return verdicts


def _question(event: EventRecord, candidate: Program) -> Question:
    return Question(event, event.occurred_at, frozenset(candidate.conditions.fact_refs()), {})


def _judge(verdicts: Verdicts, event: EventRecord, candidate: Program, values: Values) -> None:
    verdict = candidate.conditions.evaluate(values, event.occurred_at)
    verdicts.add(event, candidate, verdict.holds, verdict.trace)
