"""The door for messages from outside: the right status code, one log row, and nothing changed by a stranger."""

from __future__ import annotations

import json
import logging
from time import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from careops.lib.signing import new_secret, sign
from tests.workflows.support import work_off
from workflows.catalogue import InboundSource, Malformed, Unmatched, inbound_sources
from workflows.models import EventRecord, InboundMessage

SECRET, OLD_SECRET = new_secret(), new_secret()
seen: list[Any] = []


def interpret(body: Any, resolved_to: Any) -> dict[str, Any]:
    seen.append(body)
    if body == {"unknown": True}:
        raise Unmatched("their-7", "Nobody knows it.")
    if body == {"odd": True}:
        raise Malformed("data.id is missing.")
    if body == {"bug": True}:
        raise ZeroDivisionError
    return {"kept": True}


@pytest.fixture(autouse=True)
def source(settings: Any) -> Any:
    seen.clear()
    settings.INBOUND_SECRETS = {"testlab": [SECRET, OLD_SECRET]}
    with inbound_sources.temporarily(InboundSource(name="testlab", label="Test lab", interpret=interpret)):
        yield


def signed(
    raw: bytes, *, secret: str = SECRET, at: int | None = None, message_id: str = "msg_1"
) -> dict[str, str]:
    return sign([secret], message_id, at or int(time()), raw)


def post(
    client: Client, raw: bytes, headers: dict[str, str], kind: str = "application/json"
) -> tuple[int, str]:
    reply = client.post("/hooks/testlab/", raw, kind, headers=headers)
    return reply.status_code, reply.json()["status"]


BODY = json.dumps({"hello": "lab"}).encode()


def test_a_signed_message_is_stored_answered_and_read_later(client, db):
    assert post(client, BODY, signed(BODY)) == (200, "stored")
    assert seen == []
    work_off()
    assert seen == [{"hello": "lab"}]
    message = InboundMessage.objects.get()
    assert (message.verdict, message.outcome, message.state) == ("applied", {"kept": True}, "done")


def test_the_body_lies_encrypted_in_the_database(client, db):
    post(client, BODY, signed(BODY))
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM workflows_inboundmessage")
        assert "hello" not in cursor.fetchone()[0]


def test_an_older_secret_still_opens_while_it_is_being_replaced(client, db):
    assert post(client, BODY, signed(BODY, secret=OLD_SECRET)) == (200, "stored")


def test_a_replayed_message_is_known(client, db):
    assert post(client, BODY, signed(BODY)) == (200, "stored")
    assert post(client, BODY, signed(BODY)) == (200, "known")
    assert InboundMessage.objects.count() == 1


HOSTILE = {
    "no headers": {},
    "wrong secret": signed(BODY, secret=new_secret()),
    "too old": signed(BODY, at=int(time()) - 301),
    "from the future": signed(BODY, at=int(time()) + 600),
    "signed something else": signed(b"{}"),
    "half a signature": {**signed(BODY), "webhook-signature": "v1"},
    "not base64": {**signed(BODY), "webhook-signature": "v1,a,b"},
    "odd time": {**signed(BODY), "webhook-timestamp": "soon"},
    "fractional time": {**signed(BODY), "webhook-timestamp": f"{int(time())}.5"},
    "mixed families": {**signed(BODY), "svix-id": "msg_1"},
}


@pytest.mark.parametrize("headers", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_headers_are_401_with_one_log_row_and_nothing_stored(client, db, caplog, headers):
    with caplog.at_level(logging.WARNING, "workflows.webhooks.inbound"):
        assert post(client, BODY, headers) == (401, "bad signature")
    assert [record.getMessage() for record in caplog.records if record.name.startswith("workflows")] == [
        "Inbound message for testlab: bad signature."
    ]
    assert not InboundMessage.objects.exists()
    assert not EventRecord.objects.exists()


def test_too_large_is_413(client, db):
    raw = b'"' + b"x" * 1_000_001 + b'"'
    assert post(client, raw, signed(raw)) == (413, "too large")
    assert not InboundMessage.objects.exists()


def test_not_json_is_415(client, db):
    assert post(client, BODY, signed(BODY), "text/plain") == (415, "not JSON")


def test_a_signed_body_that_is_no_json_is_kept_as_malformed(client, db):
    raw = b"{nonsense"
    assert post(client, raw, signed(raw)) == (200, "stored")
    work_off()
    assert InboundMessage.objects.get().verdict == "malformed"


def test_a_body_that_is_no_text_cannot_be_signed(client, db):
    assert post(client, b'{"a": "\xff"}', signed(BODY)) == (401, "bad signature")
    assert not InboundMessage.objects.exists()


def test_an_unknown_source_is_404_and_a_get_405(client, db):
    assert client.post("/hooks/nobody/", BODY, "application/json").status_code == 404
    assert client.get("/hooks/testlab/").status_code == 405


@pytest.mark.parametrize(
    ("body", "verdict", "reference"),
    [({"unknown": True}, "unmatched", "their-7"), ({"odd": True}, "malformed", "")],
)
def test_what_cannot_be_applied_waits_where_people_see_it(client, db, body, verdict, reference):
    raw = json.dumps(body).encode()
    post(client, raw, signed(raw))
    work_off()
    message = InboundMessage.objects.get()
    assert (message.verdict, message.reference, message.state) == (verdict, reference, "done")


def test_a_bug_in_a_source_is_tried_again_and_stops_no_other_message(client, db):
    bad, good = json.dumps({"bug": True}).encode(), BODY
    post(client, bad, signed(bad, message_id="msg_bad"))
    post(client, good, signed(good, message_id="msg_good"))
    work_off()
    rows = dict(InboundMessage.objects.values_list("message_id", "state"))
    assert rows == {"msg_bad": "due", "msg_good": "done"}
    assert InboundMessage.objects.get(message_id="msg_bad").error_code == "ZeroDivisionError"
