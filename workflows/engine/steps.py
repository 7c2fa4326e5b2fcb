"""Carrying out steps: claimed in batches, done in one transaction; a batch that fails falls apart into ones.

What a step changed and the fact that it is done commit together, and only while the fence still matches. So internal
effects happen once, whoever dies when.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction

from careops.access.actor import Actor
from careops.lib import clock
from workflows.catalogue import (
    Conflict,
    Done,
    IllegalTransition,
    MisusedMachine,
    NotPermitted,
    Outcome,
    StepFailed,
    TryLater,
    acting,
)
from workflows.catalogue.action import Action
from workflows.catalogue.ports import reactions
from workflows.catalogue.registry import UnknownName
from workflows.engine import advance, limits
from workflows.engine.context import StepContext
from workflows.engine.facts import Question, gather
from workflows.engine.program import program
from workflows.models import Automation, Delivery, QueueState, Run, StepRun
from workflows.models.lease import claim, hold, release

log = logging.getLogger(__name__)

#: Trying again cannot help: somebody has to change something first.
PERMANENT = (StepFailed, NotPermitted, IllegalTransition, ValidationError, UnknownName, MisusedMachine)
#: The world may look different in a moment.
TRANSIENT = (TryLater, Conflict, OperationalError, InterfaceError)


#: Runs of a paused automation wait where they are.
NOT_PAUSED = (
    "NOT EXISTS (SELECT 1 FROM workflows_run AS run JOIN workflows_automation AS paused "
    "ON paused.id = run.automation_id AND paused.state = 'paused' WHERE run.id = run_id)"
)


class _Pace:
    """How many steps this process takes at once: as many as lately fitted the batch's time. More would only be claimed
    and given back, and be worked on alone if the worker died."""

    def __init__(self) -> None:
        self.limit = limits.BATCH

    def learn(self, claimed: int, left: int) -> None:
        self.limit = max(2, claimed - left) if left else min(2 * self.limit, limits.BATCH)


_pace = _Pace()


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step's own condition did not hold."""

    stop: bool


def work(lane: str, worker: str, *, limit: int = limits.BATCH) -> int:
    """Carry out the due steps of a lane, up to a batch. Returns how many were claimed."""
    rows = claim(StepRun, lane, min(limit, _pace.limit), worker=worker, where=NOT_PAUSED)
    if not rows:
        return 0
    if len(rows) == 1:
        _one(rows[0])
        return 1
    try:
        with transaction.atomic():
            left = _batch(rows)
    except Exception as error:  # noqa: BLE001  (any error, a bug in an action included, only makes the batch fall apart)
        log.info("A batch of %d steps falls apart (%s).", len(rows), type(error).__name__)
        for row in rows:
            _one(row)
    else:
        release(StepRun, left)
        _pace.learn(len(rows), len(left))
    return len(rows)


def _batch(rows: Sequence[StepRun]) -> list[StepRun]:
    """As many of them as fit the batch's time; the rest is returned."""
    begun = monotonic()
    held = _with_stories(hold(StepRun, rows))
    at = clock.now()
    verdicts = _ask(held, at)
    for index, row in enumerate(held):
        if monotonic() - begun > limits.BATCH_SECONDS:
            return held[index:]
        advance.finish(row, at, _carry_out(row, at, verdicts.get(row.pk)))
    return []


def _one(row: StepRun) -> None:
    """One step in its own transaction; its failure is recorded in another one."""
    try:
        with transaction.atomic():
            for held in _with_stories(hold(StepRun, [row])):
                at = clock.now()
                advance.finish(held, at, _carry_out(held, at, _ask([held], at).get(held.pk)))
    except PERMANENT as error:
        advance.fail(row, _code(error), _words(error), permanent=True)
    except TRANSIENT as error:
        advance.fail(row, _code(error), _words(error), permanent=False)
    except Exception as error:  # noqa: BLE001  (a bug in an action must not take the drain with it)
        # It is tried again, because a deploy may mend it, and shown meanwhile. Its text may quote a patient's data, so
        # only its class is kept.
        log.error("Step %s failed with %s.", row.pk, type(error).__name__)
        advance.fail(row, type(error).__name__, "", permanent=False)


def _with_stories(held: Sequence[StepRun]) -> list[StepRun]:
    """The rows with their runs and events at hand, in order of due time; runs that are over drop out."""
    runs = Run.objects.select_related("event", "automation").in_bulk([row.run_id for row in held])
    for row in held:
        row.run = runs[row.run_id]
    return sorted(held, key=lambda row: (row.due_at, row.pk))


def _ask(rows: Sequence[StepRun], at: Any) -> dict[int, Any]:
    """The verdict of every step's own condition, read for the whole batch at once."""
    asking = [row for row in rows if row.run.version_id and not row.awaits and _only_if(row).fact_refs()]
    questions = [
        Question(row.run.event, at, frozenset(_only_if(row).fact_refs()), advance.results(row.run))
        for row in asking
    ]
    return {
        row.pk: _only_if(row).evaluate(values, at)
        for row, values in zip(asking, gather(questions), strict=True)
    }


def _only_if(row: StepRun) -> Any:
    return program(row.run.version_id).step(row.key).only_if


def _carry_out(row: StepRun, at: Any, verdict: Any) -> Outcome | Skipped:
    run = row.run
    if run.automation is not None and run.automation.state == Automation.State.ARCHIVED:
        advance.end_run(run, Run.State.CANCELLED, at)
    if run.state != Run.State.RUNNING:
        return Skipped(stop=True)
    by = Actor.system() if run.version_id is None else program(run.version_id).actor
    event = run.event
    with acting(by, correlation_id=event.correlation_id, caused_by=run.pk, depth=event.depth + 1):
        if run.version_id is None:
            return Done(reactions.get(run.reaction).run(event) or {})
        if row.awaits:
            return _answered(row)
        if verdict is not None:  # asked again when a wait is over: the world may have changed meanwhile
            row.trace = verdict.trace
            if not verdict.holds:
                return Skipped(stop=program(run.version_id).step(row.key).otherwise == "stop")
        if row.rested:
            return Done(row.result)
        context = StepContext(row, program(run.version_id), at)
        return _run_action(context)


def _run_action(context: StepContext) -> Outcome:
    action: Action = context.step.resolve()
    form = action.form(data=dict(context.step.parameters))
    if not form.is_valid():
        raise StepFailed(
            "bad_parameters", "; ".join(f"{name}: {text[0]}" for name, text in form.errors.items())
        )
    for permission in sorted(action.needs(form.cleaned_data, context.event.subject_type)):
        if not context.actor.has_perm(permission):
            raise NotPermitted(action.name, permission)
    return action.run(context, form.cleaned_data)


def _answered(row: StepRun) -> Outcome:
    """The delivery this step waited for is settled: its outcome is the step's."""
    delivery = Delivery.objects.get(key=row.awaits)
    if delivery.state != QueueState.DONE:
        raise StepFailed("delivery_failed", delivery.error or delivery.error_code)
    return Done({"delivery": delivery.pk, "status": delivery.status, **delivery.result})


def _code(error: Exception) -> str:
    return getattr(error, "code", None) or type(error).__name__


def _words(error: Exception) -> str:
    """Our own errors are written for people and hold no PHI; anybody else's words are left out."""
    ours = (StepFailed, TryLater, NotPermitted, IllegalTransition, Conflict, UnknownName)
    return str(error) if isinstance(error, ours) else ""
