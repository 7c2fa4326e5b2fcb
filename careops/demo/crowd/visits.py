"""Two visits for each patient: most are over, some are to come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from careops.demo.crowd.dice import Dice
from careops.demo.crowd.history import History, walk
from careops.demo.crowd.names import REASONS
from careops.demo.crowd.people import Known
from careops.demo.crowd.sheets import Sheet, in_batches
from patients.models import Appointment

EACH = 2
SATURDAY = 5
HALF_HOUR = timedelta(minutes=30)
State = Appointment.State

#: What became of a visit that is over, and where one stands that is to come.
OVER = {State.COMPLETED: 83, State.CANCELLED: 9, State.NO_SHOW: 8}
TO_COME = {State.BOOKED: 55, State.CONFIRMED: 40, State.CANCELLED: 5}
#: State → the moves that lead there.
PATHS = {
    State.BOOKED: (),
    State.CONFIRMED: ("confirm",),
    State.COMPLETED: ("confirm", "check_in", "complete"),
    State.CANCELLED: ("cancel",),
    State.NO_SHOW: ("confirm", "mark_no_show"),
}
CALLED_OFF = ("", "Has a cold", "Cannot leave work", "Went somewhere else", "No longer needed")


class Visits:
    def __init__(self, dice: Dice, history: History, until: datetime) -> None:
        self.dice, self.history, self.until = dice, history, until
        self.lives = {state: walk(Appointment, moves) for state, moves in PATHS.items()}
        self.sheet = Sheet(history.copier, Appointment, "created_at", "updated_at")

    def book(self, patients: list[Known]) -> Iterator[int]:
        """Write the visits of all of them; yields how many, again and again."""
        for batch in in_batches(len(patients)):
            for place in batch:
                for _visit in range(EACH):
                    self._visit(patients[place])
            self.sheet.write()
            self.history.write()
            yield EACH * len(batch)

    def _visit(self, patient: Known) -> None:
        dice = self.dice
        starts = self._slot(patient)
        state = dice.weighted(OVER if starts < self.until else TO_COME)
        booked = max(starts - timedelta(days=dice.expovariate(1 / 12)), patient.since)
        moments = self._moments(state, min(booked, self.until), starts)
        pk = dice.uuid(moments[0])
        self.sheet.add(
            id=pk, created_at=moments[0], updated_at=moments[-1], version=len(moments), patient_id=patient.id,
            practitioner_id=patient.practitioner, clinic_id=patient.site.id,
            service=dice.frequent(Appointment.Service.values), starts_at=starts, ends_at=starts + HALF_HOUR,
            reason=dice.choice(REASONS), state=state,
            cancel_reason=dice.choice(CALLED_OFF) if state == State.CANCELLED else "",
        )  # fmt: skip
        self.history.tell(self.lives[state], moments, pk, patient.id)

    def _slot(self, patient: Known) -> datetime:
        """Some half hour of a working day, from the patient's first day here to six weeks from now."""
        at = self.dice.between(patient.since, self.until + timedelta(days=45))
        if at.weekday() >= SATURDAY:
            at += timedelta(days=2)
        return at.replace(
            hour=self.dice.randint(14, 22), minute=self.dice.choice((0, 30)), second=0, microsecond=0
        )

    def _moments(self, state: str, booked: datetime, starts: datetime) -> list[datetime]:
        """Every move at its time: confirmed on the way there, checked in and completed on the day."""
        on_the_way = self.dice.between(booked, min(starts, self.until))
        by_state = {
            State.BOOKED: (),
            State.CONFIRMED: (on_the_way,),
            State.COMPLETED: (on_the_way, starts, starts + HALF_HOUR),
            State.CANCELLED: (on_the_way,),
            State.NO_SHOW: (on_the_way, starts + HALF_HOUR),
        }
        return [booked, *by_state[state]]
