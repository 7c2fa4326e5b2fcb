"""Writing down how a step ended, and moving its run to the next one. The only writer of runs and step rows."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from careops.lib import clock
from careops.lib.bulk import insert_many, update_many
from workflows.catalogue import Answer, Done, Outcome, Stop, Until
from workflows.engine import limits
from workflows.engine.alarm import step_is_dead
from workflows.engine.program import program
from workflows.models import OVER, Delivery, QueueState, Run, StepRun
from workflows.models.lease import hold, note

#: A delivery in one of these states has an outcome for the step that waits for it.
SETTLED = (QueueState.DONE, QueueState.FAILED, QueueState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step's own condition did not hold."""

    stop: bool


@dataclass(frozen=True, slots=True)
class Parked:
    """Its automation is paused: the step waits, out of the queue, until somebody switches the automation on again."""


def results(runs: Iterable[Run]) -> dict[int, dict[str, Any]]:
    """What the steps that are done brought, by step key, for each run."""
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    done = StepRun.objects.filter(run__in=[run.pk for run in runs], state=QueueState.DONE)
    for run_id, key, result in done.values_list("run_id", "key", "result"):
        found[run_id][key] = result
    return found


class Book:
    """What becomes of a batch: written at its end, in a few statements however many steps it holds."""

    #: What the end of an attempt may change of a step's row.
    STEP = (
        "state", "due_at", "lease_until", "fence", "alone", "crashes", "error", "error_code", "log", "rested",
        "awaits", "trace", "result", "finished_at",
    )  # fmt: skip

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.rows: list[StepRun] = []
        self._changed: set[str] = set()
        self._following: list[StepRun] = []
        self._at_their_end: dict[int, Run] = {}
        self._ended: dict[int, Run] = {}

    def enter(self, row: StepRun, outcome: Outcome | Skipped | Parked) -> None:
        """Note how a step that is held in this transaction ended."""
        with self._noting(row):
            self._settle(row, outcome)

    def _settle(self, row: StepRun, outcome: Outcome | Skipped | Parked) -> None:
        if isinstance(outcome, Parked):
            row.state, row.lease_until = QueueState.PAUSED, None
            return
        row.log = note(row, at=self.at)
        row.lease_until = None
        row.alone, row.crashes = False, 0
        row.error = row.error_code = ""
        if isinstance(outcome, Until):
            row.state, row.due_at, row.rested = QueueState.DUE, outcome.moment, True
            row.result = dict(outcome.result)
        elif isinstance(outcome, Answer):
            row.state, row.awaits, row.rested = QueueState.WAITING, outcome.delivery_key, False
        elif isinstance(outcome, Done):
            self._close(row, QueueState.DONE, dict(outcome.result))
            self.go_on(row)
        elif isinstance(outcome, Stop):
            self._close(row, QueueState.DONE, {"stopped": outcome.reason})
            self.end(row.run, Run.State.STOPPED)
        else:
            self._close(row, QueueState.SKIPPED, {})
            if outcome.stop:
                self.end(row.run, Run.State.STOPPED)
            else:
                self.go_on(row)

    def leave_out(self, row: StepRun) -> None:
        """A person skips the step; the run goes on with the next one."""
        with self._noting(row):
            row.log = note(row, at=self.at, error="skipped by a person")
            row.fence += 1
            row.lease_until = None
            self._close(row, QueueState.SKIPPED, {})
            self.go_on(row)

    @contextmanager
    def _noting(self, row: StepRun) -> Iterator[None]:
        """Most steps end alike: what changed in none of the batch is not written."""
        before, now = dict(vars(row)), vars(row)
        if row.trace:  # the verdict on the step's own condition was noted before
            self._changed.add("trace")
        yield
        self.rows.append(row)
        self._changed.update(name for name in self.STEP if now[name] != before[name])

    def _close(self, row: StepRun, state: QueueState, result: dict[str, Any]) -> None:
        row.state, row.finished_at, row.result = state, self.at, result

    def results(self, runs: Iterable[Run]) -> dict[int, dict[str, Any]]:
        """What the steps in this book brought, by run and step key."""
        found: dict[int, dict[str, Any]] = defaultdict(dict)
        for row in self.rows:
            if row.state == QueueState.DONE:
                found[row.run_id][row.key] = row.result
        return found

    def go_on(self, row: StepRun) -> None:
        """The run's next step is due now; after the last one the run is done, unless another step is still open."""
        run = row.run
        following = program(run.version_id).after(row.key) if run.version_id else None
        if following is None or _was_there_before(row, following.key):
            self._at_their_end[run.pk] = run
        elif run.state == Run.State.RUNNING:
            self._following.append(
                StepRun(
                    run=run,
                    key=following.key,
                    position=following.position,
                    action=following.action,
                    lane=row.lane,
                    input=following.parameters,
                    due_at=self.at,
                    created_at=self.at,
                )
            )

    def end(self, run: Run, state: Run.State) -> None:
        if run.state == Run.State.RUNNING:
            run.state, run.finished_at = state, self.at
            self._ended[run.pk] = run

    def _ask_for_answers(self) -> None:
        """A delivery may have been settled before anybody waited for it: a step that is tried again finds it so."""
        waiting = {row.awaits: row for row in self.rows if row.state == QueueState.WAITING}
        if waiting:
            # Locked, whatever their state: else one could be settled between this look and the commit, and nobody would
            # be woken.
            asked = Delivery.objects.select_for_update(of=("self",)).filter(key__in=waiting).order_by("pk")
            for key, state in asked.values_list("key", "state"):
                if state in SETTLED:
                    waiting[key].state, waiting[key].rested = QueueState.DUE, True
                    self._changed |= {"state", "rested"}

    def turn_page(self) -> list[StepRun]:
        """The steps that are due next, of runs that are not stored yet; the caller stores them as it finds them then."""
        following, self._following = self._following, []
        for run in self._at_their_end.values():
            self.end(run, Run.State.DONE)
        self._at_their_end = {}
        return following

    def write(self) -> None:
        """Store what changed of rows that were there before, and what follows them."""
        self._ask_for_answers()
        update_many(self.rows, sorted(self._changed))
        insert_many(self._following)
        if self._at_their_end:
            # Locked: of two steps that end a run in the same moment each would take the other one for open.
            ending = Run.objects.select_for_update(of=("self",), no_key=True).filter(
                pk__in=self._at_their_end
            )
            list(ending.order_by("pk").values_list("pk"))
            open_steps = StepRun.objects.filter(run__in=self._at_their_end).exclude(state__in=OVER)
            busy = set(open_steps.values_list("run_id", flat=True))
            for run in self._at_their_end.values():
                if run.pk not in busy:
                    self.end(run, Run.State.DONE)
        update_many(list(self._ended.values()), ("state", "finished_at"))


def _was_there_before(row: StepRun, key: str) -> bool:
    """The run went on without this step, which failed then and is tried again now."""
    return len(row.log) > 1 and row.run.steps.filter(key=key).exists()


def skip(row: StepRun, at: datetime) -> None:
    """A person leaves the step, which is held in this transaction, out."""
    book = Book(at)
    book.leave_out(row)
    book.write()


def end_run(run: Run, state: Run.State, at: datetime) -> None:
    book = Book(at)
    book.end(run, state)
    book.write()


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
    book = Book(clock.now())
    if _goes_on(row):
        book.go_on(row)
    else:
        book.end(row.run, Run.State.FAILED)
    book.write()
    step_is_dead(row)


def _goes_on(row: StepRun) -> bool:
    if row.run.version_id is None:
        return False
    try:
        return program(row.run.version_id).step(row.key).on_failure == "continue"
    except (
        ValidationError,
        LookupError,
        StopIteration,
    ):  # the code can no longer read the version: it cannot go on
        return False
