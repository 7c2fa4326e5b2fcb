"""The spine, end to end: a lab's webhook moves a lab order, and an automation that staff published reacts.

A real receiver on loopback gets the webhook; the clock is moved, nobody sleeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from time import time
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from standardwebhooks import Webhook

from careops.access.actor import Actor
from careops.lib.signing import new_secret, sign
from labs.models import LabOrder
from patients.models import CareTeam, Message, Patient, Task
from tests.factories.labs import LabOrderFactory
from tests.factories.patients import PatientFactory
from tests.labs.helpers import fixture, junction_notices, names
from tests.lib.servers import recording
from tests.workflows.support import live, work_off
from workflows.engine import operate
from workflows.models import Delivery, Endpoint, EventRecord, InboundMessage, NonMatch, Run

SECRET = new_secret()
WALKED = [
    "received.on_site_collection.ordered",
    "received.on_site_collection.requisition_created",
    "sample_with_lab.on_site_collection.draw_completed",
    "sample_with_lab.on_site_collection.partial_results",
    "completed.on_site_collection.completed",
]


@pytest.fixture
def receiver(settings: Any) -> Any:
    with recording() as server:
        server.answer = (200, {"Content-Type": "application/json"}, b'{"ticket": "T-17"}')
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.server_port}"]
        yield server


@pytest.fixture
def endpoint(db: None, receiver: Any) -> Endpoint:
    endpoint = Endpoint(name="Partner", url=f"http://127.0.0.1:{receiver.server_port}/lab")
    endpoint.save()
    return endpoint


@pytest.fixture
def post(settings: Any, client: Client) -> Callable[..., int]:
    """``post(body)`` as the lab would, signed; the message id is new unless given."""
    settings.INBOUND_SECRETS = {"junction": [SECRET]}
    count = iter(range(1, 1000))

    def send(body: Any, message_id: str = "") -> int:
        raw = json.dumps(body).encode()
        signed = sign([SECRET], message_id or f"msg_{next(count)}", int(time()), raw)
        headers = {name.replace("webhook-", "svix-"): value for name, value in signed.items()}
        return client.post("/hooks/junction/", raw, "application/json", headers=headers).status_code

    return send


def order_for(born: date, **more: Any) -> LabOrder:
    patient = PatientFactory(birth_date=born, email=f"p{born}@mail.example")
    patient.care_team = CareTeam(name=f"Team {born}", clinic=patient.clinic)
    patient.care_team.save()
    patient.save()
    return LabOrderFactory(patient=patient, **more)


def payload(order: LabOrder, statuses: list[str] = WALKED) -> dict[str, Any]:
    """The provider's message about that order, with the history so far."""
    data = fixture("order_updated")
    body = data.get("data", data)
    body["id"] = order.external_id
    body["events"] = [
        {"id": 33 if number == 3 else number, "created_at": f"2022-01-0{number}T00:00:00Z", "status": status}
        for number, status in enumerate(WALKED, start=1)
        if status in statuses
    ]
    return data


def publish(endpoint: Endpoint) -> None:
    live(
        "lab_order.completed",
        {"action": "create_task", "parameters": {
            "title": "Discuss the results", "assign_to": "patients_care_team", "due_amount": 2, "due_unit": "days"}},
        {"action": "wait", "parameters": {"amount": 1, "unit": "minutes"}},
        {"action": "send_email", "parameters": {
            "to": "patient", "subject": "Your results are in", "body": "Dear {{ patient.first_name }}, please sign in."}},
        {"action": "call_webhook", "parameters": {"endpoint": str(endpoint.pk)}},
        conditions={"all": [{"fact": "patient.age", "operator": "at_least", "value": 40}]},
    )  # fmt: skip


def test_the_whole_path_from_the_labs_webhook_to_task_email_and_signed_post(
    db, post, endpoint, receiver, travel, mailoutbox
):
    order = order_for(date(1980, 5, 17), external_id="ext-1")
    publish(endpoint)
    work_off()

    assert post(payload(order)) == 200
    work_off()

    order = LabOrder.objects.get(pk=order.pk)
    assert order.state == "completed.on_site_collection.completed"
    history = order.history.order_by("occurred_at")
    assert [row.status for row in history] == WALKED
    assert junction_notices(order) == ["labtest.order.created"] + ["labtest.order.updated"] * 3
    completed = EventRecord.objects.get(name="lab_order.completed")
    assert completed.occurred_at == datetime(2022, 1, 5, tzinfo=UTC)

    task = Task.objects.get(title="Discuss the results")
    run = Run.objects.get(version__isnull=False)
    assert task.care_team == order.patient.care_team
    assert task.due_at - task.created_at - timedelta(days=2) < timedelta(seconds=30)
    assert list(run.steps.values_list("key", "state")) == [("create_task_1", "done"), ("wait_1", "due")]
    assert mail.outbox == []

    travel(timedelta(seconds=61))
    work_off()
    assert [letter.to for letter in mailoutbox] == [["p1980-05-17@mail.example"]]
    assert mailoutbox[0].subject == "Your results are in"
    assert Message.objects.get().state == "sent"

    [(_port, _line, headers, body)] = receiver.seen
    lower = {name.lower(): value for name, value in headers.items()}
    verified = Webhook(endpoint.signing_secret).verify(body, lower)
    assert verified["data"]["subject"] == {"type": "labs.LabOrder", "id": str(order.pk)}
    assert lower["webhook-id"] == f"msg_{Delivery.objects.get(channel='webhook').uid.hex}"

    run.refresh_from_db()
    assert run.state == "done"
    last = run.steps.get(key="call_webhook_1")
    assert (last.state, last.result["status"], last.result["body"]) == ("done", 200, {"ticket": "T-17"})


def test_the_same_message_repeated_shuffled_or_older_changes_nothing(db, post):
    order = order_for(date(1980, 5, 17), external_id="ext-1")
    body = payload(order)
    assert post(body) == 200
    work_off()
    before = (names(order), order.history.count(), EventRecord.objects.count())

    shuffled = payload(order)
    inner = shuffled.get("data", shuffled)
    inner["events"] = inner["events"][::-1]
    for message in (body, shuffled, payload(order, WALKED[:2])):
        assert post(message) == 200
        work_off()
    assert (names(order), order.history.count(), EventRecord.objects.count()) == before
    assert set(InboundMessage.objects.values_list("verdict", flat=True)) == {"applied"}


def test_a_message_id_that_is_known_is_answered_and_not_stored_again(db, post):
    order = order_for(date(1980, 5, 17), external_id="ext-1")
    for _time in range(3):
        assert post(payload(order), message_id="msg_same") == 200
    assert InboundMessage.objects.count() == 1


def test_a_lower_ranked_status_that_comes_late_is_kept_and_tells_nobody(db, post):
    order = order_for(date(1980, 5, 17), external_id="ext-1")
    post(payload(order, [WALKED[0], WALKED[4]]))
    work_off()
    before = names(order)
    post(payload(order, WALKED[1:2]))
    work_off()
    assert names(order) == before
    assert order.history.filter(status=WALKED[1], applied=False).count() == 1
    assert LabOrder.objects.get(pk=order.pk).state == "completed.on_site_collection.completed"


def test_a_39_year_olds_order_leaves_a_non_run_that_says_why(db, post, endpoint):
    order = order_for(date(1982, 6, 1), external_id="ext-2")  # 39 at the lab's time, 5 January 2022
    publish(endpoint)
    work_off()
    post(payload(order))
    work_off()
    assert not Run.objects.filter(version__isnull=False).exists()
    non_match = NonMatch.objects.get(event__name="lab_order.completed")
    assert (non_match.saw["patient.age"], non_match.verdicts[0]["held"][0]) == (39, "0")


def test_an_order_we_do_not_know_waits_for_a_person_and_is_applied_once_matched(db, post, ops):
    order = order_for(date(1980, 5, 17))
    stray = payload(order)
    stray.get("data", stray)["id"] = "ext-unknown"
    assert post(stray) == 200
    work_off()
    message = InboundMessage.objects.get()
    assert (message.verdict, message.reference) == ("unmatched", "ext-unknown")
    assert Patient.objects.count() == 1

    operate.match_message(message, order.pk, by=Actor.of(ops), reason="Same sample id")
    work_off()
    order = LabOrder.objects.get(pk=order.pk)
    assert (order.external_id, order.state) == ("ext-unknown", "completed.on_site_collection.completed")
    message.refresh_from_db()
    assert message.verdict == "applied"
