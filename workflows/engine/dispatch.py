"""Dispatch: committed events get the next positions, and whoever listens gets a run, a delivery or a reaction.

One process at a time does it, in one transaction per batch, so positions are gapless and every match starts exactly
once. Whatever was committed before another event was written comes before it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, Max

from careops.lib import clock
from workflows.catalogue.event import events as declared
from workflows.catalogue.ports import envelopes, reactions
from workflows.engine import limits
from workflows.engine.alarm import pause_automation
from workflows.engine.match import Verdicts, match
from workflows.engine.program import Program, program
from workflows.models import Automation, Delivery, Endpoint, EventRecord, NonMatch, Run, StepRun

log = logging.getLogger(__name__)

#: The advisory lock's number: "careops dispatch", whoever holds it numbers events.
LOCK = 0x0CA2E0B5


@dataclass(slots=True)
class Plan:
    """What a batch of events sets in motion."""

    runs: list[Run] = field(default_factory=list)
    first_steps: list[StepRun] = field(default_factory=list)
    non_matches: list[NonMatch] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)


def dispatch(limit: int = limits.BATCH) -> int:
    """Number the next events and start what follows from them. Returns how many; 0 when another process is at it."""
    try:
        return _dispatch(limit, isolate=limit == 1)
    except DatabaseError as error:
        if limit == 1 or isinstance(error, InterfaceError | OperationalError):
            raise  # the connection is gone, or a lock was not to be had: the next round tries again
        log.warning(
            "A batch of events could not be dispatched (%s); taking them one by one.", type(error).__name__
        )
        return sum(_dispatch(1, isolate=True) for _one in range(limit))


def _dispatch(limit: int, *, isolate: bool) -> int:
    with transaction.atomic():
        if not _alone():
            return 0
        events = list(EventRecord.objects.filter(position=None).order_by("id")[:limit])
        if not events:
            return 0
        _number(events)
        loud = [event for event in events if not event.quiet]
        if loud:
            _start(_plan(loud, isolate=isolate))
        return len(events)


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _number(events: Sequence[EventRecord]) -> None:
    first = (EventRecord.objects.aggregate(last=Max("position"))["last"] or 0) + 1
    for position, event in enumerate(events, start=first):
        event.position = position
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_eventrecord AS row SET position = new.position "
            "FROM unnest(%s::bigint[], %s::bigint[]) AS new(id, position) WHERE row.id = new.id",
            [[event.pk for event in events], [event.position for event in events]],
        )


def _plan(events: Sequence[EventRecord], *, isolate: bool) -> Plan:
    plan = Plan()
    programs = live_programs()
    verdicts = match(events, programs, isolate=isolate)
    _refuse_storms(verdicts)
    for event in events:
        for candidate in verdicts.matching(event):
            _plan_run(plan, event, candidate, verdicts.trace(event, candidate))
        if why_not := verdicts.non_matching(event):
            plan.non_matches.append(
                NonMatch(
                    event=event,
                    automations=[candidate.automation_id for candidate, _trace in why_not],
                    verdicts=[
                        {"automation": str(candidate.automation_id), "version": candidate.number, **trace}
                        for candidate, trace in why_not
                    ],
                )
            )
        _plan_reactions(plan, event)
        _plan_deliveries(plan, event)
    return plan


def live_programs() -> list[Program]:
    """The published version of every automation that is switched on."""
    live = (
        Automation.objects.filter(state=Automation.State.LIVE)
        .order_by("name")
        .values_list("live_id", flat=True)
    )
    return [program(version_id) for version_id in live]


def _plan_run(plan: Plan, event: EventRecord, candidate: Program, trace: dict[str, object]) -> None:
    run = Run(
        event=event,
        automation_id=candidate.automation_id,
        version_id=candidate.version_id,
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        patient_id=event.patient_id,
        trace=trace,
    )
    plan.runs.append(run)
    first = candidate.steps[0]
    plan.first_steps.append(
        StepRun(
            run=run,
            key=first.key,
            position=1,
            action=first.action,
            lane=candidate.lane,
            input=first.parameters,
        )
    )


def _plan_reactions(plan: Plan, event: EventRecord) -> None:
    for reaction in reactions:
        if all(event.name != trigger.name for trigger in reaction.on):
            continue
        run = Run(
            event=event,
            reaction=reaction.name,
            subject_type=event.subject_type,
            subject_id=event.subject_id,
            patient_id=event.patient_id,
        )
        plan.runs.append(run)
        plan.first_steps.append(StepRun(run=run, key="built_in", position=1, action=reaction.name))


def _plan_deliveries(plan: Plan, event: EventRecord) -> None:
    for endpoint in subscribers():
        names = declared.get(event.name).names_in(endpoint.vocabulary)
        for name in names:
            if name not in endpoint.subscriptions:
                continue
            plan.deliveries.append(
                Delivery(
                    channel="webhook",
                    key=f"event:{event.uid}:{endpoint.pk}:{name}",
                    subject_type=event.subject_type,
                    subject_id=event.subject_id,
                    endpoint=endpoint,
                    event=event,
                    body=dict(envelopes.get(endpoint.vocabulary).write(event, name)),
                )
            )


def subscribers() -> list[Endpoint]:
    return list(Endpoint.objects.exclude(state=Endpoint.State.DISABLED).exclude(subscriptions=[]))


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


def _start(plan: Plan) -> None:
    Run.objects.bulk_create(plan.runs)
    StepRun.objects.bulk_create(plan.first_steps)
    NonMatch.objects.bulk_create(plan.non_matches)
    Delivery.objects.bulk_create(plan.deliveries)
