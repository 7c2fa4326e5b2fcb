"""What a batch of events sets in motion: runs with their first step, non-runs with their reasons, deliveries."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count

from careops.lib import clock
from careops.lib.bulk import insert_many
from workflows.catalogue.event import events as declared
from workflows.catalogue.ports import envelopes, reactions
from workflows.catalogue.registry import UnknownName
from workflows.engine import limits
from workflows.engine.alarm import endpoint_is_unreadable, pause_automation, version_is_unreadable
from workflows.engine.match import Verdicts, match
from workflows.engine.program import Program, program
from workflows.models import Automation, Delivery, Endpoint, EventRecord, NonMatch, Run, StepRun

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Plan:
    """Rows to be written in the transaction that numbers the events."""

    runs: list[Run] = field(default_factory=list)
    first_steps: list[StepRun] = field(default_factory=list)
    non_matches: list[NonMatch] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)

    def add_run(self, event: EventRecord, first: StepRun, **what: Any) -> None:
        first.run = Run(
            event=event,
            subject_type=event.subject_type,
            subject_id=event.subject_id,
            patient_id=event.patient_id,
            **what,
        )
        self.runs.append(first.run)
        self.first_steps.append(first)

    def start(self) -> None:
        insert_many(self.runs)
        for first in self.first_steps:
            first.run_id = first.run.pk  # the run had no id yet when it was assigned
        insert_many(self.first_steps)
        insert_many(self.non_matches)
        insert_many(self.deliveries)


def plan(events: Sequence[EventRecord], *, isolate: bool) -> Plan:
    """Match the events and say what follows. ``isolate`` asks one automation at a time."""
    made = Plan()
    verdicts = match(events, live_programs(), isolate=isolate)
    _refuse_storms(verdicts)
    listening = subscribers()
    for event in events:
        for candidate in verdicts.matching(event):
            _plan_run(made, event, candidate, verdicts.trace(event, candidate))
        if why_not := verdicts.non_matching(event):
            made.non_matches.append(_non_match(event, why_not))
        for subscriber in listening:
            _plan_deliveries(made, event, subscriber)
    _plan_reactions(made, events)
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
        event,
        StepRun(key=first.key, position=1, action=first.action, lane=candidate.lane, input=first.parameters),
        automation_id=candidate.automation_id,
        version_id=candidate.version_id,
        trace=trace,
    )


def _non_match(event: EventRecord, why_not: Sequence[tuple[Program, Mapping[str, Any]]]) -> NonMatch:
    return NonMatch(
        event=event,
        automations=[candidate.automation_id for candidate, _trace in why_not],
        verdicts=[
            {"automation": str(candidate.automation_id), "version": candidate.number, **trace}
            for candidate, trace in why_not
        ],
    )


def _plan_reactions(made: Plan, events: Sequence[EventRecord]) -> None:
    for reaction in reactions:
        names = {trigger.name for trigger in reaction.on}
        heard = [event for event in events if event.name in names]
        if heard and reaction.wants:
            wanted = set(reaction.wants(heard))
            heard = [event for event in heard if event.subject_id in wanted]
        for event in heard:
            first = StepRun(key="built_in", position=1, action=reaction.name)
            made.add_run(event, first, reaction=reaction.name)


# ── Subscribed endpoints ────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Subscriber:
    """An endpoint as far as dispatch needs it; its secrets stay where they are."""

    pk: Any
    vocabulary: str
    names: frozenset[str]


def subscribers() -> list[Subscriber]:
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
def _refuse_storms(verdicts: Verdicts) -> None:
    """Hold back the runs that would pass a bound; the automation of a loop or a flood is paused (limits.py)."""
    since = clock.now() - limits.RUNS_WINDOW
    matched = verdicts.matches()
    recent: Counter[tuple[object, object]] = Counter()
    if matched:
        rows = (
            Run.objects.filter(
                automation__in={candidate.automation_id for _event, candidate in matched},
                subject_id__in={event.subject_id for event, _candidate in matched},
                started_at__gte=since,
            )
            .values_list("automation_id", "subject_id")
            .annotate(number=Count("id"))
        )
        recent.update({(automation, subject): number for automation, subject, number in rows})
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
