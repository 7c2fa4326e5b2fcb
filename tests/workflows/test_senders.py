"""Deliveries: retried by their channel's table, dead where people see it, held where nobody can know."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from careops.access.actor import Actor
from careops.lib import clock
from patients.models import Patient, Task
from tests.factories.patients import PatientFactory
from tests.lib.servers import recording
from tests.workflows.support import live, settle, work_off
from workflows.catalogue import Fate, Sent, channels
from workflows.channels import DELAYS
from workflows.engine import operate
from workflows.models import Delivery, Endpoint, Run
from workflows.models.lease import claim
from workflows.senders import Sender, reap_lost

SYSTEM = Actor.system()


@pytest.fixture
def receiver(settings: Any) -> Any:
    with recording() as server:
        server.answer = (200, {}, b"ok")
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.server_port}"]
        yield server


def endpoint(receiver: Any, **fields: Any) -> Endpoint:
    made = Endpoint(name="Partner", url=f"http://127.0.0.1:{receiver.server_port}/", **fields)
    made.save()
    return made


def subscribed(receiver: Any, **fields: Any) -> Endpoint:
    return endpoint(receiver, subscriptions=["patient.onboarded"], **fields)


def onboard() -> Patient:
    patient = PatientFactory().perform("onboard", by=SYSTEM)
    work_off()
    return patient


def ids(receiver: Any) -> list[str]:
    return [{name.lower(): value for name, value in headers.items()}["webhook-id"]
            for _port, _line, headers, _body in receiver.seen]  # fmt: skip


def test_a_subscribed_endpoint_gets_a_thin_signed_notice(db, receiver):
    subscribed(receiver)
    patient = onboard()
    [(_port, _line, _headers, body)] = receiver.seen
    told = json.loads(body)
    assert told["type"] == "patient.onboarded"
    assert told["data"]["subject"] == {"type": "patients.Patient", "id": str(patient.pk)}
    assert told["data"]["to"] == "onboarded"
    assert patient.first_name not in body.decode()
    assert Delivery.objects.get().state == "done"


def test_the_custom_header_travels_with_the_signature(db, receiver):
    subscribed(receiver, header_name="X-Clinic-Key", header_value="secret-value-1")
    onboard()
    headers = {name.lower(): value for name, value in receiver.seen[0][2].items()}
    assert headers["x-clinic-key"] == "secret-value-1"
    assert headers["webhook-signature"].startswith("v1,")


def test_a_failing_receiver_is_asked_again_by_the_table_and_with_one_id(db, receiver, travel):
    receiver.answer = (503, {}, b"")
    subscribed(receiver)
    onboard()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.status) == ("due", 1, 503)
    assert 0.8 * DELAYS[0] - 1 <= (delivery.due_at - clock.now()).total_seconds() <= 1.2 * DELAYS[0]
    passed = timedelta(0)
    for delay in DELAYS:
        passed += timedelta(seconds=1.3 * delay)
        travel(passed)
        work_off()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("failed", len(DELAYS) + 1)
    assert len(receiver.seen) == len(DELAYS) + 1
    assert set(ids(receiver)) == {f"msg_{delivery.uid.hex}"}
    assert Task.objects.filter(dedupe_key=f"alert:delivery:{delivery.pk}:failed").count() == 1


def test_retry_after_is_honoured(db, receiver):
    receiver.answer = (429, {"Retry-After": "120"}, b"")
    subscribed(receiver)
    onboard()
    assert 110 < (Delivery.objects.get().due_at - clock.now()).total_seconds() <= 120


def test_gone_disables_the_endpoint(db, receiver):
    receiver.answer = (410, {}, b"")
    partner = subscribed(receiver)
    onboard()
    assert Delivery.objects.get().state == "failed"
    assert Endpoint.objects.get(pk=partner.pk).state == "disabled"


def test_a_paused_endpoints_deliveries_wait_and_go_out_when_it_is_resumed(db, receiver):
    partner = subscribed(receiver).perform("pause", by=SYSTEM)
    onboard()
    assert (Delivery.objects.get().state, receiver.seen) == ("due", [])
    partner.perform("resume", by=SYSTEM)
    work_off()
    assert (Delivery.objects.get().state, len(receiver.seen)) == ("done", 1)


def test_an_address_on_the_inside_is_refused_for_good(db, receiver, settings):
    subscribed(receiver)
    settings.OUTBOUND_ALLOW = []
    onboard()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.error_code, receiver.seen) == ("failed", "refused", [])


def test_a_dead_delivery_can_be_sent_again_under_its_id(db, receiver, ops):
    receiver.answer = (410, {}, b"")
    partner = subscribed(receiver)
    onboard()
    receiver.answer = (200, {}, b"")
    Endpoint.objects.get(pk=partner.pk).perform("resume", by=SYSTEM)
    operate.send_again(Delivery.objects.get(), by=Actor.of(ops))
    work_off()
    assert Delivery.objects.get().state == "done"
    assert len(set(ids(receiver))) == 1


def test_a_step_whose_webhook_died_fails_and_can_be_retried(db, receiver, ops):
    receiver.answer = (410, {}, b"")
    partner = endpoint(receiver)
    live("patient.onboarded", {"action": "call_webhook", "parameters": {"endpoint": str(partner.pk)}})
    onboard()
    run = Run.objects.get(version__isnull=False)
    assert (run.state, run.steps.get().error_code) == ("failed", "delivery_failed")
    receiver.answer = (200, {}, b"{}")
    Endpoint.objects.get(pk=partner.pk).perform("resume", by=SYSTEM)
    operate.retry_step(run.steps.get(), by=Actor.of(ops))
    work_off()
    run.refresh_from_db()
    assert (run.state, run.steps.get().state, len(set(ids(receiver)))) == ("done", "done", 1)


class Lost:
    """A channel whose attempts vanish."""

    delays = (1,)

    def __init__(self, name: str, at_most_once: bool) -> None:
        self.name, self.at_most_once, self.settled = name, at_most_once, []

    def prepare(self, delivery: Any) -> Any:
        return delivery

    def send(self, prepared: Any) -> Sent:
        return Sent(Fate.SENT)

    def settle(self, delivery: Any, sent: Sent, *, final: bool) -> None:
        self.settled.append((sent.fate, final))


@pytest.mark.parametrize(("at_most_once", "state"), [(True, "held"), (False, "due")])
def test_an_attempt_that_vanished_is_held_or_sent_again(db, at_most_once, state):
    patient = PatientFactory()
    channel = Lost("pigeon", at_most_once)
    with channels.temporarily(channel):
        Delivery.objects.create(
            channel="pigeon", key="one", subject_type="patients.Patient", subject_id=patient.pk
        )
        claim(Delivery, "default", 5, worker="doomed")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE workflows_delivery SET lease_until = statement_timestamp() - interval '1 s'"
            )
        assert reap_lost() == 1
        delivery = Delivery.objects.get()
        assert delivery.state == state
        assert channel.settled == ([(Fate.UNKNOWN, True)] if at_most_once else [])


def test_a_person_settles_what_nobody_knows(db, ops):
    patient = PatientFactory()
    channel = Lost("pigeon", at_most_once=True)
    with channels.temporarily(channel):
        held = Delivery.objects.create(
            channel="pigeon", key="one", subject_type="patients.Patient", subject_id=patient.pk, state="held"
        )
        operate.settle_delivery(held, sent=True, by=Actor.of(ops), reason="The patient has it.")
    held.refresh_from_db()
    assert held.state == "done"
    assert channel.settled == [(Fate.SENT, True)]


def test_many_go_out_together_in_few_statements(db, receiver, django_assert_max_num_queries):
    subscribed(receiver)
    for _one in range(12):
        PatientFactory().perform("onboard", by=SYSTEM)
    settle()
    with ThreadPoolExecutor(4) as pool:
        sender = Sender("test", pool)
        with django_assert_max_num_queries(60):  # one by one they took more than a hundred
            assert sender.work("default") == 12
            sender.finish()
    assert set(Delivery.objects.values_list("state", "status")) == {("done", 200)}
    assert sorted(ids(receiver)) == sorted(f"msg_{delivery.uid.hex}" for delivery in Delivery.objects.all())


def test_one_that_cannot_be_prepared_or_settled_spoils_no_neighbour(db, receiver, monkeypatch):
    subscribed(receiver)
    patients = [PatientFactory().perform("onboard", by=SYSTEM) for _one in range(4)]
    channel = channels.get("webhook")
    unready, unkept = (str(patient.pk) for patient in patients[:2])

    def fails_for(about: str, method: Any) -> Any:
        def wrapped(delivery: Delivery, *args: Any, **options: Any) -> Any:
            if str(delivery.subject_id) == about:
                raise ZeroDivisionError
            return method(delivery, *args, **options)

        return wrapped

    monkeypatch.setattr(channel, "prepare", fails_for(unready, channel.prepare))
    monkeypatch.setattr(channel, "settle", fails_for(unkept, channel.settle))
    settle()
    with ThreadPoolExecutor(4) as pool:
        sender = Sender("test", pool)
        sender.work("default")
        sender.finish()
    states = {str(row.subject_id): (row.state, row.error_code) for row in Delivery.objects.all()}
    assert states == {
        unready: ("due", "will_retry"),
        unkept: ("done", ""),
        **{str(patient.pk): ("done", "") for patient in patients[2:]},
    }
    assert len(receiver.seen) == 3
