"""The email channel: at most once, and what each answer of a mail server means."""

from __future__ import annotations

import smtplib

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from careops.access.actor import Actor
from patients.channels import EmailChannel, Letter, judge
from patients.models import Message
from tests.factories.patients import MessageFactory, PatientFactory, UserFactory
from tests.patients.helpers import told
from workflows.catalogue import Fate, Sent
from workflows.models import Delivery

pytestmark = pytest.mark.django_db

CHANNEL = EmailChannel()
LETTER = Letter(
    "Desk <desk@riverside.example>", "ada@mail.example", "Hello", "Hi Ada", "<1@riverside.example>"
)


def queued(**fields: object) -> tuple[Message, Delivery]:
    message = MessageFactory(**fields).perform("queue", by=Actor.system())
    return message, Delivery.objects.get(subject_id=message.pk)


def state_of(message: Message) -> str:
    return Message.objects.values_list("state", flat=True).get(pk=message.pk)


def test_a_letter_has_the_clinics_name_and_the_deliverys_id() -> None:
    message, delivery = queued()
    letter = CHANNEL.prepare(delivery)
    assert state_of(message) == "sending"
    assert letter == Letter(
        "Riverside Clinic <hello@riverside.example>",
        message.to_address,
        "Your visit",
        "See you on Tuesday.",
        f"<{delivery.uid}@riverside.example>",
    )


def test_a_letter_about_nobody_comes_from_the_installation() -> None:
    lena = UserFactory(email="lena@clinic.example")
    _message, delivery = queued(patient=None, user=lena, recipient="staff", to_address="")
    letter = CHANNEL.prepare(delivery)
    assert (letter.sender, letter.to) == ("clinic@careops.example", "lena@clinic.example")


def test_sending_writes_a_mail_with_the_stable_id() -> None:
    assert CHANNEL.send(LETTER) == Sent(Fate.SENT)
    [sent] = mail.outbox
    assert (sent.subject, sent.body, sent.to) == ("Hello", "Hi Ada", ["ada@mail.example"])
    assert sent.from_email == "Desk <desk@riverside.example>"
    assert sent.message()["Message-ID"] == "<1@riverside.example>"


@pytest.mark.parametrize(
    ("sent", "final", "state", "event"),
    [
        (Sent(Fate.SENT), True, "sent", "message.sent"),
        (Sent(Fate.REFUSED, "The mail server answered 550."), True, "failed", "message.failed"),
        (Sent(Fate.LATER, "The mail server answered 451."), False, "queued", "message.queued"),
        (Sent(Fate.LATER, "The mail server answered 451."), True, "failed", "message.failed"),
        (Sent(Fate.UNKNOWN, "The line broke."), True, "outcome_unknown", "message.outcome_unknown"),
    ],
)
def test_each_fate_moves_the_message(sent: Sent, final: bool, state: str, event: str) -> None:
    message, delivery = queued()
    CHANNEL.prepare(delivery)
    CHANNEL.settle(delivery, sent, final=final)
    message.refresh_from_db()
    assert (message.state, message.detail, bool(message.sent_at)) == (state, sent.detail, state == "sent")
    assert told(message)[-1][0] == event


def test_a_message_that_is_over_is_not_sent_again() -> None:
    message, delivery = queued()
    CHANNEL.prepare(delivery)
    CHANNEL.settle(delivery, Sent(Fate.SENT), final=True)
    assert CHANNEL.prepare(delivery) is None
    assert state_of(message) == "sent"


def test_a_message_under_way_is_not_sent_a_second_time() -> None:
    _message, delivery = queued()
    assert CHANNEL.prepare(delivery) is not None
    assert CHANNEL.prepare(delivery) is None


def test_a_person_may_send_a_failed_one_again() -> None:
    message, delivery = queued()
    CHANNEL.prepare(delivery)
    CHANNEL.settle(delivery, Sent(Fate.REFUSED), final=True)
    assert CHANNEL.prepare(delivery).message_id == f"<{delivery.uid}@riverside.example>"
    assert state_of(message) == "sending"


def test_a_person_may_settle_an_unknown_one() -> None:
    message, delivery = queued()
    CHANNEL.settle(delivery, Sent(Fate.UNKNOWN), final=True)  # the worker vanished before it began
    CHANNEL.settle(delivery, Sent(Fate.SENT), final=True)
    assert state_of(message) == "sent"


def test_who_died_since_is_not_written_to() -> None:
    ada = PatientFactory(state="onboarded")
    message, delivery = queued(patient=ada)
    ada.perform("record_death", by=Actor.system(), deceased_on="2026-03-01")
    assert CHANNEL.prepare(delivery) is None
    message.refresh_from_db()
    assert (message.state, message.obstacle) == ("suppressed", "deceased")
    assert told(message)[-1] == (
        "message.suppressed", {"from": "queued", "to": "suppressed", "reason": "deceased"},
    )  # fmt: skip


# ── What a mail server's answer means ─────────────────────────────────────────────────────────────────────
ANSWERS = [
    (smtplib.SMTPDataError(451, b"try later"), Fate.LATER, 451),
    (smtplib.SMTPDataError(554, b"spam"), Fate.REFUSED, 554),
    (smtplib.SMTPSenderRefused(452, b"full", "desk@riverside.example"), Fate.LATER, 452),
    (smtplib.SMTPSenderRefused(550, b"no", "desk@riverside.example"), Fate.REFUSED, 550),
    (smtplib.SMTPRecipientsRefused({"ada@mail.example": (450, b"greylisted")}), Fate.LATER, 450),
    (smtplib.SMTPRecipientsRefused({"ada@mail.example": (550, b"unknown")}), Fate.REFUSED, 550),
    (smtplib.SMTPNotSupportedError("SMTPUTF8"), Fate.REFUSED, None),
    (smtplib.SMTPResponseException(-1, b"gibberish"), Fate.UNKNOWN, None),
    (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), Fate.UNKNOWN, None),
    (TimeoutError("timed out"), Fate.UNKNOWN, None),
    (ConnectionResetError(104, "reset"), Fate.UNKNOWN, None),
]


@pytest.mark.parametrize(("error", "fate", "status"), ANSWERS, ids=lambda value: type(value).__name__)
def test_what_an_answer_means(error: Exception, fate: Fate, status: int | None) -> None:
    sent = judge(error)
    assert (sent.fate, sent.status) == (fate, status)
    assert "ada@mail.example" not in sent.detail


class Unreachable(EmailBackend):
    def open(self) -> None:
        raise ConnectionRefusedError(111, "refused")


class Locked(EmailBackend):
    def open(self) -> None:
        raise smtplib.SMTPAuthenticationError(535, b"bad password")


class Breaking(EmailBackend):
    def send_messages(self, messages: object) -> int:
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")


class Rude(EmailBackend):
    """Takes the mail and hangs up without a goodbye."""

    def close(self) -> None:
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")


@pytest.mark.parametrize(
    ("backend", "fate", "mails"),
    [
        (Unreachable, Fate.LATER, 0),
        (Locked, Fate.LATER, 0),
        (Breaking, Fate.UNKNOWN, 0),
        (Rude, Fate.SENT, 1),
    ],
)
def test_nothing_left_the_house_until_the_connection_stood(
    backend: type[EmailBackend], fate: Fate, mails: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patients.channels.get_connection", backend)
    assert CHANNEL.send(LETTER).fate is fate
    assert len(mail.outbox) == mails
