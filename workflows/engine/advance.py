"""Writing down how a step ended, and moving its run to the next one. The only writer of runs and step rows."""

from __future__ import annotations

import random
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction

from careops.lib import clock
from workflows.catalogue import Answer, Done, Outcome, Stop, Until
from workflows.catalogue.registry import UnknownName
from workflows.engine import limits
from workflows.engine.alarm import step_is_dead
from workflows.engine.program import program
from workflows.models import OVER, Delivery, QueueState, Run, StepRun
from workflows.models.lease import hold, note

if TYPE_CHECKING:
    from workflows.engine.steps import Skipped


#: A delivery in one of these states has an outcome for the step that waits for it.
SETTLED = (QueueState.DONE, QueueState.FAILED, QueueState.CANCELLED)


def results(run: Run) -> dict[str, Any]:
    """What earlier steps of the run brought, by step key."""
    return dict(run.steps.filter(state=QueueState.DONE).values_list("key", "result"))


def finish(row: StepRun, at: datetime, outcome: Outcome | Skipped) -> None:
    """Write the outcome of a step that is held in this transaction, and set its run going again."""
    row.log = note(row, at=at)
    row.lease_until = None
    row.alone, row.crashes = False, 0
    row.error = row.error_code = ""
    if isinstance(outcome, Until):
        row.state, row.due_at, row.rested, row.result = (
            QueueState.DUE,
            outcome.moment,
            True,
            dict(outcome.result),
        )
    elif isinstance(outcome, Answer):
        _await(row, outcome.delivery_key)
    elif isinstance(outcome, Done):
        _end(row, QueueState.DONE, at, dict(outcome.result))
        _next(row, at)
    elif isinstance(outcome, Stop):
        _end(row, QueueState.DONE, at, {"stopped": outcome.reason})
        end_run(row.run, Run.State.STOPPED, at)
    else:
        _end(row, QueueState.SKIPPED, at, {})
        if outcome.stop:
            end_run(row.run, Run.State.STOPPED, at)
        else:
            _next(row, at)
    row.save()


def _await(row: StepRun, key: str) -> None:
    """Wait for the delivery, unless it was settled before anybody waited for it (a retried step finds it so)."""
    settled = Delivery.objects.select_for_update(of=("self",)).filter(key=key, state__in=SETTLED).exists()
    row.awaits = key
    row.state, row.rested = (QueueState.DUE, True) if settled else (QueueState.WAITING, False)


def skip(row: StepRun, at: datetime) -> None:
    """A person leaves the step out; the run goes on with the next one."""
    row.log = note(row, at=at, error="skipped by a person")
    row.fence += 1
    row.lease_until = None
    _end(row, QueueState.SKIPPED, at, {})
    _next(row, at)
    row.save()


def _end(row: StepRun, state: QueueState, at: datetime, result: dict[str, Any]) -> None:
    row.state, row.finished_at, row.result = state, at, result


def _next(row: StepRun, at: datetime) -> None:
    run = row.run
    following = program(run.version_id).after(row.key) if run.version_id else None
    if following is None or _was_there_before(row, following.key):
        if not run.steps.exclude(pk=row.pk).exclude(state__in=OVER).exists():
            end_run(run, Run.State.DONE, at)
    elif run.state == Run.State.RUNNING:
        StepRun.objects.create(
            run=run, key=following.key, position=following.position, action=following.action, lane=row.lane,
            input=following.parameters, due_at=at,
        )  # fmt: skip


def _was_there_before(row: StepRun, key: str) -> bool:
    """The run went on without this step, which failed then and is tried again now."""
    return len(row.log) > 1 and row.run.steps.filter(key=key).exists()


def end_run(run: Run, state: Run.State, at: datetime) -> None:
    if run.state == Run.State.RUNNING:
        run.state, run.finished_at = state, at
        run.save(update_fields=["state", "finished_at"])


def fail(row: StepRun, code: str, words: str, *, permanent: bool) -> None:
    """Record a failed attempt: again later, or a dead letter when it is permanent or the tries are used up."""
    with transaction.atomic():
        for held in hold(StepRun, [row]):
            at = clock.now()
            held.attempts += 1
            held.log = note(held, at=at, error=words or code)
            held.error_code, held.error, held.lease_until = code[:60], words, None
            if permanent or held.attempts >= limits.STEP_TRIES:
                held.state, held.finished_at = QueueState.FAILED, at
                held.save()
                after_death(held)
            else:
                jitter = random.uniform(0.9, 1.1)  # noqa: S311  (spreads retries, protects nothing)
                held.state = QueueState.DUE
                held.due_at = at + limits.step_delay(held.attempts) * jitter
                held.save()


def after_death(row: StepRun) -> None:
    """A step is a dead letter: its run fails, or goes on where the step says so; people are told."""
    run = row.run
    if _goes_on(row):
        _next(row, clock.now())
    else:
        end_run(run, Run.State.FAILED, clock.now())
    step_is_dead(row)


def _goes_on(row: StepRun) -> bool:
    if row.run.version_id is None:
        return False
    try:
        return program(row.run.version_id).step(row.key).on_failure == "continue"
    except (ValidationError, UnknownName):  # the version names what the code no longer knows: it cannot go on
        return False
