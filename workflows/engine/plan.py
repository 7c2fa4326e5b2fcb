"""What a batch of events sets in motion: runs with their first step, non-runs with their reasons, deliveries."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import QuerySet

from careops.lib.bulk import insert_many, number
from workflows.catalogue.event import Event
from workflows.catalogue.event import events as declared
from workflows.catalogue.ports import envelopes, reactions
from workflows.catalogue.registry import UnknownName
from workflows.conditions import Verdict
from workflows.engine import limits
from workflows.engine.alarm import endpoint_is_unreadable, pause_automation, version_is_unreadable
from workflows.engine.match import Verdicts, match
from workflows.engine.program import Program, program
from workflows.engine.steps import carry_out_at_once
from workflows.models import (
    Automation,
    Delivery,
    Endpoint,
    EventRecord,
    Lane,
    NonMatch,
    QueueState,
    Run,
    StepRun,
)
from workflows.models.event_record import wake, wake_sender

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An endpoint as far as dispatch needs it; its secrets stay where they are."""

    pk: Any
    vocabulary: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listening:
    """Everybody who may want to hear of an event, at one moment."""

    programs: Sequence[Program]
    subscribers: Sequence[Subscriber]
    #: Every name they know it by, in any vocabulary.
    names: frozenset[str]

    def hears(self, event: Event) -> bool:
        """Does an automation or an endpoint listen to it? Said too often rather than too seldom."""
        return not self.names.isdisjoint(event.names())


#: Changes whenever an automation or an endpoint does: each save raises a version, and the moment tells old from new.
STAMP = """
    SELECT * FROM (SELECT count(*), sum(version), max(updated_at) FROM workflows_automation) AS automations,
                  (SELECT count(*), sum(version), max(updated_at) FROM workflows_endpoint) AS endpoints
"""


def listening() -> Listening:
    """Everybody who listens now. They are read again only when one of them has changed."""
    with connection.cursor() as cursor:
        cursor.execute(STAMP)
        return _listening(cursor.fetchone())


def listen_anew() -> None:
    """Have all of them read again: what was reported of an unreadable one may have been undone with the batch."""
    _listening.cache_clear()


@lru_cache(maxsize=1)
def _listening(stamp: tuple[Any, ...]) -> Listening:
    programs, subscribers = live_programs(), _subscribers()
    triggers = (candidate.trigger for candidate in programs)
    told = (name for subscriber in subscribers for name in subscriber.names)
    return Listening(programs, subscribers, frozenset((*triggers, *told)))


#: By the name of a built-in reaction, the ids of the events it has something to do for.
Wanted = Mapping[str, Collection[int]]


def wanted_by_reactions(names: Collection[str], events: QuerySet[EventRecord]) -> Wanted:
    """What the built-in reactions want of these events, which bear these names; little is read of them."""
    wanted: dict[str, Collection[int]] = {}
    for reaction in reactions:
        if heard := {event.name for event in reaction.on}.intersection(names):
            subjects = dict(events.filter(name__in=heard).values_list("pk", "subject_id"))
            mine = set(
                subjects.values() if reaction.wants is None else reaction.wants(set(subjects.values()))
            )
            wanted[reaction.name] = {pk for pk, subject_id in subjects.items() if subject_id in mine}
    return wanted


@dataclass(slots=True)
class Plan:
    """Rows to be written in the transaction that acts upon the events."""

    at: datetime
    runs: list[Run] = field(default_factory=list)
    first_steps: list[StepRun] = field(default_factory=list)
    non_matches: list[NonMatch] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)

    def add_run(self, event: EventRecord, key: str, action: str, *, lane: str = Lane.DEFAULT,
                given: Mapping[str, Any] | None = None, **what: Any) -> None:  # fmt: skip
        """A run with its first step, which is due at once."""
        run = Run(
            event=event, subject_type=event.subject_type, subject_id=event.subject_id, patient_id=event.patient_id,
            started_at=self.at, **what,
        )  # fmt: skip
        self.runs.append(run)
        self.first_steps.append(
            StepRun(run=run, key=key, position=1, action=action, lane=lane, input=given or {}, due_at=self.at,
                    created_at=self.at)
        )  # fmt: skip

    def start(self, worker: str, *, at_once: bool) -> None:
        """Store it; ``at_once`` with what becomes of its steps."""
        number(self.runs, self.first_steps)
        for run, first in zip(self.runs, self.first_steps, strict=True):
            first.run = run  # it had no id yet when it was assigned
        done = carry_out_at_once(self.first_steps, self.at, worker) if at_once else self.first_steps
        insert_many(self.runs)
        insert_many(done)
        insert_many(self.non_matches)
        insert_many(self.deliveries)
        if any(step.state == QueueState.DUE for step in done):
            wake()
        if self.deliveries:
            wake_sender()


def plan(
    events: Sequence[EventRecord], who: Listening, wanted: Wanted, at: datetime, *, isolate: bool
) -> Plan:
    """Match the events and say what follows. ``isolate`` asks one automation at a time."""
    made = Plan(at)
    verdicts = match(events, who.programs, isolate=isolate)
    _refuse_storms(verdicts, made.at)
    for event in events:
        for candidate in verdicts.matching(event):
            _plan_run(made, event, candidate, verdicts.trace(event, candidate))
        if why_not := verdicts.non_matching(event):
            made.non_matches.append(_non_match(event, why_not))
        for subscriber in who.subscribers:
            _plan_deliveries(made, event, subscriber)
    _plan_reactions(made, events, wanted)
    return made


def live_programs() -> list[Program]:
    """The published version of every automation that is switched on; one the code cannot read any more is reported."""
    live = Automation.objects.filter(state=Automation.State.LIVE).order_by("name")
    programs = []
    for automation_id, version_id in live.values_list("pk", "live_id"):
        try:
            programs.append(program(version_id))
        except (ValidationError, UnknownName, LookupError) as error:
            version_is_unreadable(automation_id, type(error).__name__)
    return programs


def _plan_run(made: Plan, event: EventRecord, candidate: Program, trace: Mapping[str, Any]) -> None:
    first = candidate.steps[0]
    made.add_run(
        event, first.key, first.action, lane=candidate.lane, given=first.parameters, trace=trace,
        automation_id=candidate.automation_id, version_id=candidate.version_id,
    )  # fmt: skip


def _non_match(event: EventRecord, why_not: Sequence[tuple[Program, Verdict]]) -> NonMatch:
    return NonMatch(
        event=event,
        automations=[candidate.automation_id for candidate, _verdict in why_not],
        saw=why_not[0][1].saw,  # one for all of them
        verdicts=[{"version": candidate.number, **verdict.brief} for candidate, verdict in why_not],
    )


def _plan_reactions(made: Plan, events: Sequence[EventRecord], wanted: Wanted) -> None:
    for name, ids in wanted.items():
        for event in events:
            if event.pk in ids:
                made.add_run(event, "built_in", name, reaction=name)


# ── Subscribed endpoints ────────────────────────────────────────────────────────────────────────────────
def _subscribers() -> list[Subscriber]:
    """Who is told of events. Deliveries to one that is paused or switched off wait."""
    rows = Endpoint.objects.exclude(subscriptions=[]).values_list("pk", "vocabulary", "subscriptions")
    found = []
    for pk, vocabulary, names in rows:
        if vocabulary in envelopes and isinstance(names, list):
            found.append(Subscriber(pk, vocabulary, frozenset(map(str, names))))
        else:
            endpoint_is_unreadable(pk)
    return found


def _plan_deliveries(made: Plan, event: EventRecord, subscriber: Subscriber) -> None:
    for name in declared.get(event.name).names_in(subscriber.vocabulary):
        if name in subscriber.names:
            made.deliveries.append(
                Delivery(
                    channel="webhook",
                    key=f"event:{event.uid}:{subscriber.pk}:{name}",
                    subject_type=event.subject_type,
                    subject_id=event.subject_id,
                    endpoint_id=subscriber.pk,
                    event=event,
                    correlation_id=event.correlation_id,
                    depth=event.depth,
                    body=dict(envelopes.get(subscriber.vocabulary).write(event, name)),
                )
            )


# ── Bounds ──────────────────────────────────────────────────────────────────────────────────────────────
def _refuse_storms(verdicts: Verdicts, at: datetime) -> None:
    """Hold back the runs that would pass a bound; the automation of a loop or a flood is paused (limits.py)."""
    matched = verdicts.matches()
    recent: Counter[tuple[object, object]] = Counter()
    if matched:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT automation_id, subject_id, count(*) FROM workflows_run WHERE automation_id = ANY(%s) "
                "AND subject_id = ANY(%s) AND started_at >= %s GROUP BY automation_id, subject_id",
                [
                    list({candidate.automation_id for _event, candidate in matched}),
                    list({event.subject_id for event, _candidate in matched}),
                    at - limits.RUNS_WINDOW,
                ],
            )
            recent.update({(automation, subject): number for automation, subject, number in cursor})
    per_event: Counter[int] = Counter()
    for event, candidate in matched:
        recent[candidate.automation_id, event.subject_id] += 1
        per_event[event.pk] += 1
        if event.depth >= limits.MAX_DEPTH:
            _refuse(verdicts, event, candidate, "too_deep")
        elif recent[candidate.automation_id, event.subject_id] > limits.MAX_RUNS_PER_SUBJECT:
            _refuse(verdicts, event, candidate, "too_often")
        elif per_event[event.pk] > limits.MAX_RUNS_PER_EVENT:
            verdicts.refuse(event, candidate, "too_many")


def _refuse(verdicts: Verdicts, event: EventRecord, candidate: Program, reason: str) -> None:
    verdicts.refuse(event, candidate, reason)
    pause_automation(candidate.automation_id, reason)
