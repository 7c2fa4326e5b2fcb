"""Appointments over the API."""

from __future__ import annotations

from typing import Any

import pytest

from patients.models import Appointment
from tests.api.support import Caller
from tests.factories.patients import AppointmentFactory
from tests.patients.helpers import told

pytestmark = pytest.mark.django_db

VISITS = "/api/v1/appointments/"


def booking(visit: Any, **changes: Any) -> dict[str, Any]:
    return {
        "patient": str(visit.patient_id),
        "practitioner": str(visit.practitioner_id),
        "starts_at": "2026-05-01T10:00:00Z",
        "ends_at": "2026-05-01T10:30:00Z",
    } | changes


def test_a_visit_as_programs_see_it(partner: Caller) -> None:
    visit = AppointmentFactory(reason="Knee")
    assert partner.get(f"{VISITS}{visit.pk}/").json() == {
        "id": str(visit.pk),
        "version": 1,
        "state": "booked",
        "patient": str(visit.patient_id),
        "practitioner": str(visit.practitioner_id),
        "clinic": str(visit.clinic_id),
        "service": "Follow-up",
        "starts_at": "2026-03-10T18:00:00Z",
        "ends_at": "2026-03-10T18:30:00Z",
        "reason": "Knee",
        "cancel_reason": "",
        "rescheduled_from": None,
        "created_at": visit.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": visit.updated_at.isoformat().replace("+00:00", "Z"),
    }


def test_a_visit_is_booked_at_the_patients_clinic(partner: Caller) -> None:
    known = AppointmentFactory()
    answer = partner.post(VISITS, booking(known, service="Lab Draw"))
    assert answer.status_code == 201
    visit = Appointment.objects.get(pk=answer.json()["id"])
    assert (visit.clinic, visit.service, visit.state) == (known.patient.clinic, "Lab Draw", "booked")
    assert answer["Location"] == f"http://testserver{VISITS}{visit.pk}/"
    assert told(visit) == [("appointment.create", {"to": "booked"})]


def test_a_visit_that_ends_before_it_begins_is_not_booked(partner: Caller) -> None:
    known = AppointmentFactory()
    answer = partner.post(VISITS, booking(known, ends_at="2026-05-01T09:00:00Z"))
    assert answer.json()["errors"] == [
        {"pointer": "/ends_at", "detail": "An appointment ends after it began."}
    ]
    assert Appointment.objects.get() == known


def test_a_visit_walks_its_way(partner: Caller) -> None:
    visit = AppointmentFactory()
    states = [
        partner.post(f"{VISITS}{visit.pk}/transitions/{name}/").json()["state"]
        for name in ("confirm", "check_in", "complete")
    ]
    assert states == ["confirmed", "checked_in", "completed"]


def test_moving_a_visit_leaves_its_successor(partner: Caller) -> None:
    visit = AppointmentFactory()
    moved = partner.post(
        f"{VISITS}{visit.pk}/transitions/reschedule/", {"starts_at": "2026-05-02T12:00:00Z"}
    ).json()
    successor = Appointment.objects.get(rescheduled_from=visit)
    assert moved["state"] == "cancelled"
    assert partner.get(f"{VISITS}{successor.pk}/").json()["ends_at"] == "2026-05-02T12:30:00Z"
