"""Who meets which record: permissions first, then scope; a stranger's record answers like none at all."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from careops.access.actor import Actor
from careops.surfaces.api import records, serializers
from patients.models import Appointment, Task
from tests.api.support import Caller
from tests.factories.patients import AppointmentFactory, PatientFactory, PractitionerFactory, TaskFactory

pytestmark = pytest.mark.django_db

VISITS, TASKS = "/api/v1/appointments/", "/api/v1/tasks/"
BOOKING = {"starts_at": "2026-05-01T10:00:00Z", "ends_at": "2026-05-01T10:30:00Z"}


@pytest.fixture
def only_adas(monkeypatch: Any, ada: Any) -> Any:
    """Everybody's world is as small as Ada's own: what belongs to nobody else is there."""

    def visible(rows: Any, by: Actor) -> Any:
        path = "pk" if rows.model.__name__ == "Patient" else "patient_id"
        return (
            rows.filter(**{path: ada.pk})
            if hasattr(rows.model, "mrn") or hasattr(rows.model, "patient")
            else rows
        )

    monkeypatch.setattr(records, "visible", visible)
    monkeypatch.setattr(serializers, "visible", visible)
    return ada


def test_what_is_out_of_scope_and_what_never_was_answer_alike(
    partner: Caller, only_adas: Any, ben: Any
) -> None:
    hers, his = TaskFactory(patient=only_adas), TaskFactory(patient=ben)
    assert partner.get(f"{TASKS}{hers.pk}/").status_code == 200
    for method, rest, body in (("get", "", None), ("get", "transitions/", None), ("patch", "", {"title": "x"}),
                               ("post", "transitions/start/", {})):  # fmt: skip
        answers = [
            getattr(partner, method)(f"{TASKS}{pk}/{rest}", *([] if body is None else [body]))
            for pk in (his.pk, uuid.uuid4())
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        assert set(answers[0].headers) == set(answers[1].headers)
    assert [row["id"] for row in partner.get(TASKS).json()["results"]] == [str(hers.pk)]
    assert Task.objects.get(pk=his.pk).version == 1


def test_a_strangers_id_in_a_body_answers_like_an_unknown_one(
    partner: Caller, only_adas: Any, ben: Any
) -> None:
    doctor = str(PractitionerFactory().pk)
    answers = [
        partner.post(VISITS, {"patient": str(pk), "practitioner": doctor, **BOOKING})
        for pk in (ben.pk, uuid.uuid4())
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["errors"] == [{"pointer": "/patient", "detail": "There is no such record."}]
    assert Appointment.objects.count() == 0


def test_who_may_not_see_patients_cannot_refer_to_one(with_key: Any) -> None:
    patient, doctor = PatientFactory(), PractitionerFactory()
    blind = with_key("patients.view_appointment", "patients.add_appointment", "patients.view_practitioner")
    refused = blind.post(VISITS, {"patient": str(patient.pk), "practitioner": str(doctor.pk), **BOOKING})
    assert refused.json()["errors"] == [{"pointer": "/patient", "detail": "There is no such record."}]
    assert Appointment.objects.count() == 0


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((), {"list": 403, "get": 403, "create": 403, "update": 403, "confirm": 403}),
        (("view",), {"list": 200, "get": 200, "create": 403, "update": 403, "confirm": 403}),
        (("view", "add"), {"list": 200, "get": 200, "create": 201, "update": 403, "confirm": 403}),
        (("view", "change"), {"list": 200, "get": 200, "create": 403, "update": 200, "confirm": 403}),
        (("view", "confirm"), {"list": 200, "get": 200, "create": 403, "update": 403, "confirm": 200}),
        (
            ("add", "change", "confirm"),
            {"list": 403, "get": 403, "create": 403, "update": 403, "confirm": 403},
        ),
    ],
)
def test_each_permission_opens_its_own_door(
    with_key: Any, held: tuple[str, ...], expected: dict[str, int]
) -> None:
    visit = AppointmentFactory()
    references = ("patients.view_patient", "patients.view_practitioner")
    caller = with_key(*references, *(f"patients.{verb}_appointment" for verb in held))
    one = f"{VISITS}{visit.pk}/"
    body = {"patient": str(visit.patient_id), "practitioner": str(visit.practitioner_id), **BOOKING}
    assert {
        "list": caller.get(VISITS).status_code,
        "get": caller.get(one).status_code,
        "create": caller.post(VISITS, body).status_code,
        "update": caller.patch(one, {"reason": "Knee"}).status_code,
        "confirm": caller.post(f"{one}transitions/confirm/").status_code,
    } == expected


def test_a_staff_member_meets_what_their_role_sees(pia: Any, as_staff: Any) -> None:
    caller = as_staff(pia)
    assert caller.get("/api/v1/orders/").status_code == 200
    assert caller.get(VISITS).status_code == 403
    assert caller.get("/api/v1/lab-orders/").status_code == 403


def test_a_switched_off_colleague_is_nobody(nia: Any, as_staff: Any) -> None:
    caller = as_staff(nia)
    type(nia).objects.update(is_active=False)
    assert caller.get(TASKS).status_code == 401
