"""Appointments: every move, and how one moves to another time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from careops.access.actor import Actor
from tests.factories.patients import VISIT, AppointmentFactory, PatientFactory, PractitionerFactory
from tests.patients.helpers import newest, told
from workflows.catalogue import IllegalTransition, NotPermitted

pytestmark = pytest.mark.django_db

LATER = VISIT + timedelta(days=7)

MOVES = {
    # from: {move: (to, event)}
    "booked": {
        "confirm": ("confirmed", "appointment.confirmed"),
        "check_in": ("checked_in", "appointment.checked_in"),
        "reschedule": ("cancelled", "appointment.rescheduled"),
        "mark_no_show": ("no_show", "appointment.no-show"),
        "cancel": ("cancelled", "appointment.cancelled"),
    },
    "confirmed": {
        "check_in": ("checked_in", "appointment.checked_in"),
        "reschedule": ("cancelled", "appointment.rescheduled"),
        "mark_no_show": ("no_show", "appointment.no-show"),
        "cancel": ("cancelled", "appointment.cancelled"),
    },
    "checked_in": {"complete": ("completed", "appointment.completed")},
    "completed": {},
    "cancelled": {"restore": ("booked", "appointment.restored")},
    "no_show": {"restore": ("booked", "appointment.restored")},
}
ARGUMENTS = {"reschedule": {"starts_at": LATER}}


@pytest.mark.parametrize("state", MOVES)
def test_what_each_state_allows(state: str, system: Actor) -> None:
    assert {move.name for move in AppointmentFactory(state=state).legal_moves()} == set(MOVES[state])
    for move, (target, event) in MOVES[state].items():
        moved = AppointmentFactory(state=state).perform(move, by=system, **ARGUMENTS.get(move, {}))
        assert moved.state == target
        name, data = told(moved)[-1]
        assert (name, data["from"], data["to"]) == (event, state, target)


def test_booking_is_told_in_careportals_odd_spelling() -> None:
    visit = AppointmentFactory()
    assert told(visit) == [("appointment.create", {"to": "booked"})]
    assert newest(visit).patient_id == visit.patient_id


def test_an_edit_is_told() -> None:
    visit = AppointmentFactory()
    visit.reason = "Knee"
    visit.save()
    assert told(visit)[-1] == ("appointment.updated", {"changed": ["reason"]})


def test_the_front_desk_does_not_complete_a_visit(nia: object) -> None:
    visit = AppointmentFactory().perform("check_in", by=Actor.of(nia))
    with pytest.raises(NotPermitted):
        visit.perform("complete", by=Actor.of(nia))
    visit.refresh_from_db()
    assert visit.state == "checked_in"


def test_cancelling_keeps_the_reason_and_restoring_forgets_it(nia: object) -> None:
    visit = AppointmentFactory().perform("cancel", by=Actor.of(nia), reason="Flu")
    assert visit.cancel_reason == "Flu"
    assert "Flu" not in str(newest(visit).data)
    assert visit.perform("restore", by=Actor.of(nia)).cancel_reason == ""


def test_moving_books_a_successor_of_the_same_length(nia: object) -> None:
    visit = AppointmentFactory(reason="Knee", ends_at=VISIT + timedelta(minutes=45))
    old = visit.perform("reschedule", by=Actor.of(nia), starts_at=LATER)
    new = old.successor
    assert (new.starts_at, new.ends_at) == (LATER, LATER + timedelta(minutes=45))
    assert (new.patient, new.practitioner, new.reason, new.state) == (
        old.patient,
        old.practitioner,
        "Knee",
        "booked",
    )
    assert told(new) == [("appointment.create", {"to": "booked"})]
    assert told(old)[-1] == (
        "appointment.rescheduled", {"from": "booked", "to": "cancelled", "successor": str(new.pk)},
    )  # fmt: skip


def test_moving_may_change_the_practitioner(nia: object) -> None:
    other = PractitionerFactory()
    old = AppointmentFactory().perform("reschedule", by=Actor.of(nia), starts_at=LATER, practitioner=other)
    assert old.successor.practitioner == other


def test_moving_to_a_practitioner_who_left_changes_nothing(nia: object) -> None:
    visit = AppointmentFactory()
    gone = PractitionerFactory(active=False)
    with pytest.raises(ValidationError):
        visit.perform("reschedule", by=Actor.of(nia), starts_at=LATER, practitioner=gone)
    visit.refresh_from_db()
    assert visit.state == "booked"
    assert [name for name, _data in told(visit)] == ["appointment.create"]


def test_a_moved_appointment_is_not_restored(nia: object) -> None:
    old = AppointmentFactory().perform("reschedule", by=Actor.of(nia), starts_at=LATER)
    with pytest.raises(IllegalTransition):
        old.perform("restore", by=Actor.of(nia))
    old.refresh_from_db()
    assert old.state == "cancelled"


@pytest.mark.parametrize("state", ["deceased", "merged"])
def test_no_visit_is_booked_for_somebody_who_cannot_come(state: str) -> None:
    into = PatientFactory() if state == "merged" else None
    patient = PatientFactory(state=state, merged_into=into)
    visit = AppointmentFactory.build(
        patient=patient, practitioner=PractitionerFactory(), clinic=patient.clinic
    )
    with pytest.raises(ValidationError) as refused:
        visit.full_clean()
    assert list(refused.value.message_dict) == ["patient"]


def test_an_appointment_ends_after_it_began() -> None:
    visit = AppointmentFactory()
    visit.ends_at = visit.starts_at
    with pytest.raises(ValidationError):
        visit.clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        visit.save()
