"""Carrying out steps: claimed in batches, done in one transaction; a batch that fails falls apart into ones.

What a step changed and the fact that it is done commit together, and only while the fence still matches. So internal
effects happen once, whoever dies when. Steps of a run that has just begun are carried out in the transaction that begins
it, unless something is the matter with them: then they are stored as due, and claimed like any other.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Any

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError, transaction

from careops.lib import clock
from careops.lib.bulk import number, read_many
from workflows.catalogue import (
    Action,
    Conflict,
    Done,
    IllegalTransition,
    MisusedMachine,
    NotPermitted,
    Outcome,
    StepFailed,
    TryLater,
    because_of,
)
from workflows.catalogue.ports import reactions
from workflows.catalogue.registry import UnknownName
from workflows.engine import advance, limits
from workflows.engine.advance import Book, Parked, Skipped
from workflows.engine.batches import Batches
from workflows.engine.context import Loaded, StepContext
from workflows.engine.facts import Question, gather
from workflows.engine.program import ProgramStep, program
from workflows.models import Automation, Delivery, EventRecord, Lane, QueueState, Run, StepRun
from workflows.models.lease import hold, hold_claimed

log = logging.getLogger(__name__)

#: Trying again cannot help: somebody has to change something first.
PERMANENT = (StepFailed, NotPermitted, IllegalTransition, ValidationError, UnknownName, MisusedMachine)
#: The world may look different in a moment.
TRANSIENT = (TryLater, Conflict, OperationalError, InterfaceError)


def work(lane: str, worker: str, *, limit: int = limits.BATCH) -> int:
    """Carry out the due steps of a lane, up to a batch. Returns how many were claimed."""
    return _batches.work(lane, worker, limit)


def _batch(rows: Sequence[StepRun]) -> list[StepRun]:
    """As many of them as fit the batch's time; the rest is returned."""
    begun = monotonic()
    held = _with_stories(hold_claimed(StepRun, rows))
    at = clock.now()
    judged = _Judged.of_stored(held, at)
    book = Book(at)
    left: list[StepRun] = []
    for alike in _alike(held):
        if monotonic() - begun > limits.BATCH_SECONDS:
            left += alike
            continue
        for row, outcome in zip(alike, _carry_out(alike, at, judged), strict=True):
            book.enter(row, outcome)
    book.write()
    return left


def _one(row: StepRun) -> None:
    """One step in its own transaction; its failure is recorded in another one."""
    try:
        with transaction.atomic():
            if held := _with_stories(hold(StepRun, [row])):
                at = clock.now()
                book = Book(at)
                book.enter(held[0], _carry_out(held, at, _Judged.of_stored(held, at))[0])
                book.write()
    except PERMANENT as error:
        advance.fail(row, _code(error), _words(error), permanent=True)
    except TRANSIENT as error:
        advance.fail(row, _code(error), _words(error), permanent=False)
    except Exception as error:  # noqa: BLE001  (a bug in an action must not take the drain with it)
        # It is tried again, because a deploy may mend it, and shown meanwhile. Its text may quote a patient's data, so
        # only its class is kept.
        log.error("Step %s failed with %s.", row.pk, type(error).__name__)
        advance.fail(row, type(error).__name__, "", permanent=False)


_batches = Batches(StepRun, limits.BATCH, together=_batch, alone=_one)


def carry_out_at_once(first: Sequence[StepRun], at: datetime, worker: str) -> list[StepRun]:
    """Carry out the first steps of runs that are not stored yet, and the steps that become due by that.

    Returns all of them as they are to be stored. Due among them are bulk work, what did not fit the time, and what
    raised an error: whoever claims those finds out what it is, one by one.
    """
    begun = monotonic()
    book, stored = Book(at), list(first)
    wave = [row for row in first if row.lane != Lane.BULK]
    while wave:
        number(wave)
        judged = _Judged(wave, at, off={}, results=book.results)
        for alike in _alike(wave):
            if monotonic() - begun > limits.BATCH_SECONDS:
                break
            try:
                with transaction.atomic():
                    outcomes = _carry_out(alike, at, judged)
            except Exception as error:  # noqa: BLE001  (whatever it is, it is met again where it is written down)
                log.info("%d steps are not done at once (%s).", len(alike), type(error).__name__)
                continue
            for row, outcome in zip(alike, outcomes, strict=True):
                row.worker = worker
                book.enter(row, outcome)
        wave = book.turn_page()
        stored += wave
    return stored


def _with_stories(held: Sequence[StepRun]) -> list[StepRun]:
    """The rows with their runs and events at hand, in order of due time."""
    runs = {run.pk: run for run in read_many(Run, "id = ANY(%s)", [[row.run_id for row in held]])}
    heard = read_many(EventRecord, "id = ANY(%s)", [[run.event_id for run in runs.values()]])
    events = {event.pk: event for event in heard}
    for run in runs.values():
        run.event = events[run.event_id]
    for row in held:
        row.run = runs[row.run_id]
    return sorted(held, key=lambda row: (row.due_at, row.pk))


def _alike(rows: Sequence[StepRun]) -> Iterable[list[StepRun]]:
    """The rows that stand at the same step, or are the same reaction. The oldest come first."""
    groups: dict[object, list[StepRun]] = defaultdict(list)
    for row in rows:
        run = row.run
        groups[run.version_id, run.reaction, row.key, run.subject_type].append(row)
    return groups.values()


#: The results of earlier steps, by run and step key, of these runs.
Results = Callable[[Iterable[Run]], Mapping[int, Mapping[str, Any]]]


def _switched_off(rows: Sequence[StepRun]) -> Mapping[Any, str]:
    """The states of those of the rows' automations that are not live."""
    automations = {row.run.automation_id for row in rows if row.run.automation_id}
    off = Automation.objects.filter(pk__in=automations).exclude(state=Automation.State.LIVE)
    states = dict(off.values_list("pk", "state"))
    if states:
        # Locked: else somebody could switch one on again between this look and the parking of its steps, which
        # nobody would ever fetch again.
        off = off.select_for_update(of=("self",), no_key=True).order_by("pk")
        states = dict(off.values_list("pk", "state"))
    return states


class _Judged:
    """What decides, before its action, whether a step is carried out: read for the whole batch at once."""

    def __init__(
        self, rows: Sequence[StepRun], at: datetime, *, off: Mapping[Any, str], results: Results
    ) -> None:
        self._off = off
        self._verdicts = _ask(rows, at, results)

    @classmethod
    def of_stored(cls, rows: Sequence[StepRun], at: datetime) -> _Judged:
        return cls(rows, at, off=_switched_off(rows), results=advance.results)

    def settle(self, row: StepRun, at: datetime) -> Outcome | Skipped | Parked | None:
        """The outcome of a step whose action need not run, or need not run again; None for the others."""
        run = row.run
        if self._off.get(run.automation_id) == Automation.State.PAUSED:
            return Parked()
        if self._off.get(run.automation_id) == Automation.State.ARCHIVED:
            advance.end_run(run, Run.State.CANCELLED, at)
        if run.state != Run.State.RUNNING:
            return Skipped(stop=True)
        if row.awaits:
            return _answered(row)
        verdict = self._verdicts.get(row.pk)
        if verdict is not None:  # asked again when a wait is over: the world may have changed meanwhile
            row.trace = verdict.trace
            if not verdict.holds:
                return Skipped(stop=program(run.version_id).step(row.key).otherwise == "stop")
        return Done(row.result) if row.rested else None


def _ask(rows: Sequence[StepRun], at: datetime, results: Results) -> dict[int, Any]:
    """The verdict of every step's own condition."""
    asking = [row for row in rows if not row.awaits and row.run.version_id and _only_if(row).fact_refs()]
    if not asking:
        return {}
    brought = results(row.run for row in asking)
    questions = [
        Question(row.run.event, at, frozenset(_only_if(row).fact_refs()), brought.get(row.run_id, {}))
        for row in asking
    ]
    return {
        row.pk: _only_if(row).evaluate(values, at)
        for row, values in zip(asking, gather(questions), strict=True)
    }


def _only_if(row: StepRun) -> Any:
    return program(row.run.version_id).step(row.key).only_if


def _carry_out(rows: Sequence[StepRun], at: datetime, judged: _Judged) -> list[Outcome | Skipped | Parked]:
    """The outcomes of rows that stand at the same step, in their order."""
    outcomes = [judged.settle(row, at) for row in rows]
    open_rows = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]
    if not open_rows:
        return outcomes  # type: ignore[return-value]  # none of them is None
    loaded = Loaded(row.run.event for row in open_rows)
    acted = iter(_act([StepContext(row, at, loaded) for row in open_rows]))
    return [next(acted) if outcome is None else outcome for outcome in outcomes]


def _act(steps: Sequence[StepContext]) -> Sequence[Outcome]:
    """Run the action, or the reaction, of steps that are all at the same one."""
    first = steps[0]
    if first.program is None:
        reaction = reactions.get(first.row.run.reaction)
        with because_of(first.cause):
            return [Done(result or {}) for result in reaction.run(steps)]
    step = first.program.step(first.row.key)
    action, given = step.resolve(), _given(first, step)
    if action.run_many and len(steps) > 1:
        return action.run_many(steps, given)
    return [_run(action, each, given) for each in steps]


def _run(action: Action, step: StepContext, given: Mapping[str, Any]) -> Outcome:
    with because_of(step.cause):
        return action.run(step, given)


def _given(context: StepContext, step: ProgramStep) -> Mapping[str, Any]:
    """The step's parameters as its action's form cleans them. Raises StepFailed, or NotPermitted for lack of a right."""
    action = step.resolve()
    form = action.form(data=dict(step.parameters))
    if not form.is_valid():
        raise StepFailed(
            "bad_parameters", "; ".join(f"{name}: {text[0]}" for name, text in form.errors.items())
        )
    for permission in sorted(action.needs(form.cleaned_data, context.event.subject_type)):
        if not context.actor.has_perm(permission):
            raise NotPermitted(action.name, permission)
    return form.cleaned_data


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
