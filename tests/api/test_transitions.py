"""Moves over the API: what is offered, in which order it is refused, and what an illegal one is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orders.models import Order
from patients.models import Appointment
from tests.api.support import PROBLEM, Caller
from tests.factories.orders import OrderFactory
from tests.factories.patients import AppointmentFactory, MessageFactory, PatientFactory
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db


def move(visit: Any, name: str) -> str:
    return f"/api/v1/appointments/{visit.pk}/transitions/{name}/"


def test_the_possible_moves_are_listed_with_what_they_ask_for(with_key: Any) -> None:
    visit = AppointmentFactory()
    caller = with_key("patients.view_appointment", "patients.cancel_appointment", "patients.restore_appointment",
                      "patients.reschedule_appointment")  # fmt: skip
    answer = caller.get(f"/api/v1/appointments/{visit.pk}/transitions/")
    assert answer["ETag"] == '"1"'
    reason = {"name": "reason", "label": "reason", "type": "text", "required": False, "choices": []}
    starts_at = {
        "name": "starts_at",
        "label": "new time",
        "type": "datetime",
        "required": True,
        "choices": [],
    }
    assert answer.json() == {
        "state": "booked",
        "transitions": [
            {"name": "reschedule", "label": "Move to another time", "arguments": [starts_at]},
            {"name": "cancel", "label": "Cancel", "arguments": [reason]},
        ],
    }


def test_a_move_answers_with_the_record_as_it_is_now(partner: Caller) -> None:
    visit = AppointmentFactory()
    answer = partner.post(move(visit, "cancel"), {"reason": "Ill"})
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')
    assert (answer.json()["state"], answer.json()["version"], answer.json()["cancel_reason"]) == (
        "cancelled",
        2,
        "Ill",
    )
    told = EventRecord.objects.get(name="appointment.cancelled")
    assert (told.actor_kind, told.actor_id, told.data) == (
        "integrator", str(partner.key.pk), {"from": "booked", "to": "cancelled"},
    )  # fmt: skip
    assert str(told.correlation_id) == answer["X-Request-ID"]


def test_an_illegal_move_says_where_the_record_stands_and_what_it_allows(with_key: Any) -> None:
    visit = AppointmentFactory(state="cancelled")
    caller = with_key(
        "patients.view_appointment", "patients.cancel_appointment", "patients.restore_appointment"
    )
    answer = caller.post(move(visit, "cancel"))
    assert (answer.status_code, answer["Content-Type"]) == (409, PROBLEM)
    assert answer.json() == {
        "type": "urn:careops:problem:illegal-transition",
        "title": "Conflict",
        "status": 409,
        "detail": "“cancel” is not possible while this is “cancelled”.",
        "state": "cancelled",
        "legal": ["restore"],
    }
    assert Appointment.objects.get().version == 1


def test_a_move_tells_only_what_this_caller_could_do_instead(with_key: Any) -> None:
    visit = AppointmentFactory(state="cancelled")
    caller = with_key("patients.view_appointment", "patients.cancel_appointment")
    assert caller.post(move(visit, "cancel")).json()["legal"] == []


@pytest.mark.parametrize(
    "name", ["nope", "start_sending", "mark_sent", "save", "delete", "perform", "__init__"]
)
def test_what_is_no_move_or_not_offered_is_nowhere(
    partner: Caller, root: Any, as_staff: Any, name: str
) -> None:
    message = MessageFactory()
    for caller in (partner, as_staff(root)):
        assert caller.post(f"/api/v1/messages/{message.pk}/transitions/{name}/").status_code == 404
    message.refresh_from_db()
    assert message.state == "draft"


def test_a_move_without_its_permission_is_refused_and_told_which(with_key: Any) -> None:
    visit = AppointmentFactory(state="cancelled")
    answer = with_key("patients.view_appointment").post(move(visit, "cancel"))
    assert answer.status_code == 403
    assert answer.json()["detail"] == "“cancel” needs the permission patients.cancel_appointment."


def test_first_permission_then_version_then_state_then_body(with_key: Any) -> None:
    cancelled = AppointmentFactory(state="cancelled")
    may = ["patients.view_appointment", "patients.reschedule_appointment"]
    bad = {"starts_at": "never"}
    assert with_key(may[0]).post(move(cancelled, "reschedule"), bad, If_Match='"9"').status_code == 403
    caller = with_key(*may)
    assert caller.post(move(cancelled, "reschedule"), bad, If_Match='"9"').status_code == 412
    assert caller.post(move(cancelled, "reschedule"), bad).status_code == 409
    assert caller.post(move(AppointmentFactory(), "reschedule"), bad).status_code == 400


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({}, "/starts_at"), ({"starts_at": "soon"}, "/starts_at"), ({"starts_at": {}}, "/starts_at"),
     ({"starts_at": "2026-05-01T10:00:00Z", "by": "me"}, "/by")],
)  # fmt: skip
def test_what_a_move_is_told_is_checked_by_its_form(partner: Caller, body: Any, pointer: str) -> None:
    visit = AppointmentFactory()
    answer = partner.post(move(visit, "reschedule"), body)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert Appointment.objects.count() == 1


def test_a_visit_is_not_moved_beyond_the_calendar(partner: Caller) -> None:
    visit = AppointmentFactory()
    answer = partner.post(move(visit, "reschedule"), {"starts_at": "9999-12-31T23:59:59Z"})
    assert (answer.status_code, answer.json()["errors"]) == (
        400, [{"pointer": "/starts_at", "detail": "No calendar goes that far."}],
    )  # fmt: skip
    visit.refresh_from_db()
    assert (visit.state, Appointment.objects.count()) == ("booked", 1)


def test_a_moment_keeps_its_offset(partner: Caller) -> None:
    visit = AppointmentFactory()
    answer = partner.post(move(visit, "reschedule"), {"starts_at": "2026-05-01T10:00:00+02:00"})
    assert answer.status_code == 200
    assert Appointment.objects.get(rescheduled_from=visit).starts_at == datetime(2026, 5, 1, 8, tzinfo=UTC)


def test_what_the_move_itself_has_against_it_is_a_400(root: Any, as_staff: Any) -> None:
    patient = PatientFactory()
    caller = as_staff(root)
    url = f"/api/v1/patients/{patient.pk}/transitions/merge/"
    answer = caller.post(url, {"into": patient.mrn})
    assert answer.json()["errors"] == [
        {"pointer": "", "detail": "A record can only be merged into another one that is still kept."}
    ]
    answer = caller.post(url, {"into": "0000-0000"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/into"]
    patient.refresh_from_db()
    assert patient.state == "registered"


def test_a_move_that_asks_for_nothing_takes_an_empty_body_or_none(partner: Caller) -> None:
    order = OrderFactory()
    url = f"/api/v1/orders/{order.pk}/transitions/charge/"
    assert partner.post(url, {"amount": 1}).status_code == 400
    assert partner.post(url, "").status_code in (200, 400)
    Order.objects.get(pk=order.pk)
    assert (
        partner.post(f"/api/v1/orders/{OrderFactory().pk}/transitions/charge/", {}).json()["state"]
        == "processing"
    )


def test_an_override_to_the_same_state_is_illegal(root: Any, as_staff: Any) -> None:
    order = OrderFactory()
    answer = as_staff(root).post(
        f"/api/v1/orders/{order.pk}/transitions/override/", {"state": "pending", "reason": "Test"}
    )
    assert (answer.status_code, answer.json()["state"]) == (409, "pending")
    assert "override" in answer.json()["legal"]
