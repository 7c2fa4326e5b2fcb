"""Work about one patient in five; most of it is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from careops.demo.crowd.dice import Dice
from careops.demo.crowd.history import History, walk
from careops.demo.crowd.names import TASKS
from careops.demo.crowd.people import Known
from careops.demo.crowd.sheets import Sheet, in_batches
from patients.models import Patient, Task

ONE_IN = 5
YOUNG = timedelta(days=20)
State = Task.State
STATES = {State.COMPLETED: 90, State.CANCELLED: 10}
YOUNG_STATES = {State.OPEN: 60, State.IN_PROGRESS: 15, State.COMPLETED: 22, State.CANCELLED: 3}
#: State → the moves that lead there.
PATHS = {
    State.OPEN: (),
    State.IN_PROGRESS: ("start",),
    State.COMPLETED: ("start", "complete"),
    State.CANCELLED: ("cancel",),
}
ROLES = {"front desk": 45, "clinician": 30, "lab tech": 10, "pharmacist": 10, "ops admin": 5}
PRIORITIES = {"normal": 75, "high": 15, "low": 7, "urgent": 3}


class Tasks:
    def __init__(self, dice: Dice, history: History, until: datetime) -> None:
        self.dice, self.history, self.until = dice, history, until
        self.lives = {state: walk(Task, moves) for state, moves in PATHS.items()}
        self.sheet = Sheet(history.copier, Task, "created_at", "updated_at")

    def open(self, patients: list[Known]) -> Iterator[int]:
        """Write a task for every fifth of them; yields how many, again and again."""
        chosen = patients[::ONE_IN]
        for batch in in_batches(len(chosen)):
            for place in batch:
                self._task(chosen[place])
            self.sheet.write()
            self.history.write()
            yield len(batch)

    def _task(self, patient: Known) -> None:
        dice = self.dice
        at = dice.between(patient.since, self.until)
        state = dice.weighted(YOUNG_STATES if self.until - at < YOUNG else STATES)
        moments = [at]
        for _move in PATHS[state]:
            moments.append(min(dice.soon_after(moments[-1], 30), self.until))
        pk = dice.uuid(at)
        self.sheet.add(
            id=pk, created_at=at, updated_at=moments[-1], version=len(moments), title=dice.choice(TASKS),
            priority=dice.weighted(PRIORITIES), due_at=at + timedelta(days=dice.randint(1, 14)),
            role=dice.weighted(ROLES), patient_id=patient.id, about_type=Patient._meta.label, about_id=patient.id,
            state=state, completed_at=moments[-1] if state == State.COMPLETED else None,
        )  # fmt: skip
        self.history.tell(self.lives[state], moments, pk, patient.id)
