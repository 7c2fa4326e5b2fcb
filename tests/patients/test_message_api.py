"""Messages over the API: written, then handed to the sender; nothing that was said is changed."""

from __future__ import annotations

from typing import Any

import pytest

from patients.models import Message
from tests.api.support import Caller
from tests.factories.patients import MessageFactory
from workflows.models import Delivery

pytestmark = pytest.mark.django_db

MESSAGES = "/api/v1/messages/"


def test_a_message_is_written_and_queued(partner: Caller, ada: Any) -> None:
    made = partner.post(
        MESSAGES, {"patient": str(ada.pk), "subject": "Your visit", "body": "Bring the card."}
    ).json()
    assert (made["state"], made["channel"], made["recipient"], made["to_address"]) == (
        "draft",
        "email",
        "patient",
        "",
    )
    assert Delivery.objects.count() == 0
    queued = partner.post(f"{MESSAGES}{made['id']}/transitions/queue/").json()
    assert (queued["state"], queued["to_address"]) == ("queued", "ada@mail.example")
    assert Delivery.objects.get().key == f"message:{made['id']}"


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"recipient": "patient"}, "/patient", "Say who."),
        ({"recipient": "staff"}, "/user", "Say who."),
        ({"recipient": "clinic"}, "/recipient", "What comes in is written down in the staff area."),
    ],
)
def test_a_message_is_to_somebody(partner: Caller, body: Any, pointer: str, detail: str) -> None:
    answer = partner.post(MESSAGES, {"subject": "Hello", "body": "Text", **body})
    assert answer.json()["errors"] == [{"pointer": pointer, "detail": detail}]
    assert Message.objects.count() == 0


def test_what_was_said_stays_as_it_was_said(partner: Caller) -> None:
    message = MessageFactory()
    assert partner.patch(f"{MESSAGES}{message.pk}/", {"body": "Else"}).status_code == 405


def test_the_text_takes_the_permission_of_messages(with_key: Any) -> None:
    message = MessageFactory(body="Bring the card.")
    blind = with_key("patients.view_patient", "patients.view_appointment")
    assert blind.get(f"{MESSAGES}{message.pk}/").status_code == 403
    assert (
        with_key("patients.view_message").get(f"{MESSAGES}{message.pk}/").json()["body"] == "Bring the card."
    )
