"""Messages: every move, and what keeps one from going out."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from careops.access.actor import Actor
from patients.models import Message
from tests.factories.patients import MessageFactory, PatientFactory, UserFactory
from tests.patients.helpers import told
from workflows.catalogue import NotPermitted
from workflows.models import Delivery

pytestmark = pytest.mark.django_db

MOVES = {
    # state: {move: (to, event)}; None where nobody is told
    "draft": {
        "queue": ("queued", "message.queued"),
        "suppress": ("suppressed", "message.suppressed"),
        "receive": ("received", "message.inbound"),
    },
    "queued": {
        "start_sending": ("sending", None),
        "suppress": ("suppressed", "message.suppressed"),
        "fail": ("failed", "message.failed"),
        "lose_track": ("outcome_unknown", "message.outcome_unknown"),
    },
    "sending": {
        "postpone": ("queued", None),
        "mark_sent": ("sent", "message.sent"),
        "fail": ("failed", "message.failed"),
        "lose_track": ("outcome_unknown", "message.outcome_unknown"),
    },
    "sent": {"mark_delivered": ("delivered", "message.delivered"), "fail": ("failed", "message.failed")},
    "failed": {"start_sending": ("sending", None)},
    "outcome_unknown": {
        "start_sending": ("sending", None),
        "mark_sent": ("sent", "message.sent"),
        "fail": ("failed", "message.failed"),
    },
    "delivered": {},
    "suppressed": {},
    "received": {},
}
ARGUMENTS = {"suppress": {"obstacle": "no_address"}}


def in_state(state: str) -> Message:
    return MessageFactory(state=state, obstacle="no_address" if state == "suppressed" else "")


@pytest.mark.parametrize("state", MOVES)
def test_what_each_state_allows(state: str, system: Actor) -> None:
    assert {move.name for move in in_state(state).legal_moves()} == set(MOVES[state])
    for move, (target, event) in MOVES[state].items():
        moved = in_state(state).perform(move, by=system, **ARGUMENTS.get(move, {}))
        assert moved.state == target
        names = [name for name, _data in told(moved)]
        assert names == ["message.created", *([event] if event else [])]


@pytest.mark.parametrize("move", ["start_sending", "mark_sent", "fail", "lose_track", "mark_delivered"])
def test_what_became_of_a_message_is_only_the_senders_to_say(move: str, root: object) -> None:
    message = MessageFactory(state="sent" if move == "mark_delivered" else "queued")
    with pytest.raises(NotPermitted):
        message.perform(move, by=Actor.automation("x", frozenset({"patients.send_message"})))
    assert move not in {offered.name for offered in message.moves_for(Actor.of(root))}
    assert len(told(message)) == 1


def test_sending_queues_one_delivery_to_todays_address(nia: object) -> None:
    ada = PatientFactory(email="ada@mail.example")
    message = MessageFactory(patient=ada, to_address="").perform("queue", by=Actor.of(nia))
    assert message.to_address == "ada@mail.example"
    delivery = Delivery.objects.get()
    assert (delivery.channel, delivery.key) == ("email", f"message:{message.pk}")
    assert (delivery.subject_type, delivery.subject_id) == ("patients.Message", message.pk)


def test_the_address_is_kept_when_the_patient_moves(nia: object) -> None:
    ada = PatientFactory(email="ada@mail.example")
    message = MessageFactory(patient=ada).perform("queue", by=Actor.of(nia))
    ada.email = "new@mail.example"
    ada.save()
    message.refresh_from_db()
    assert message.to_address == "ada@mail.example"


@pytest.mark.parametrize(
    ("state", "obstacle"),
    [("registered", ""), ("onboarded", ""), ("inactive", "inactive"), ("deceased", "deceased")],
)
def test_whom_we_write_to(state: str, obstacle: str) -> None:
    assert MessageFactory(patient=PatientFactory(state=state)).what_hinders() == obstacle


@pytest.mark.parametrize(
    "address", ["", "nowhere", "two@x.example, three@x.example", "a@b.example\nBcc: c@d.example"]
)
def test_what_is_no_address(address: str) -> None:
    assert MessageFactory(to_address=address).what_hinders() == "no_address"


def test_a_colleague_who_left_is_not_written_to() -> None:
    gone = UserFactory(is_active=False)
    message = MessageFactory(patient=None, user=gone, recipient="staff", to_address=gone.email)
    assert message.what_hinders() == "inactive"


def test_a_colleague_is_written_to_about_a_patient_who_died() -> None:
    lena = UserFactory()
    patient = PatientFactory(state="deceased")
    message = MessageFactory(patient=patient, user=lena, recipient="staff", to_address=lena.email)
    assert message.what_hinders() == ""


def test_a_message_needs_somebody() -> None:
    for recipient, missing in (("patient", "patient"), ("staff", "user"), ("clinic", "patient")):
        with pytest.raises(ValidationError) as refused:
            MessageFactory.build(patient=None, to_address="", recipient=recipient).clean()
        assert list(refused.value.message_dict) == [missing]


def test_one_origin_writes_one_message() -> None:
    MessageFactory(origin="run:1:mail:patient")
    with pytest.raises(IntegrityError), transaction.atomic():
        MessageFactory(origin="run:1:mail:patient")
    MessageFactory()
    MessageFactory()
    assert Message.objects.count() == 3


def test_what_is_not_sent_says_why() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        MessageFactory(state="suppressed")
