"""Deliveries: retried by their channel's table, dead where people see it, held where nobody can know."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import connection

from careops.access.actor import Actor
from careops.lib import clock
from patients.models import Patient, Task
from tests.factories.patients import PatientFactory
from tests.lib.servers import recording
from tests.workflows.support import Threads, live, work_off
from tests.workflows.support import settle as hand_out
from workflows import outbox
from workflows.catalogue import Fate, Sent, channels
from workflows.channels import DELAYS
from workflows.engine import operate
from workflows.models import Delivery, Endpoint, Lane, Run
from workflows.models.lease import claim
from workflows.senders import Sender, reap_lost, settle

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


@pytest.fixture
def waiting(db: Any, receiver: Any) -> list[Patient]:
    """Twelve patients of whom the endpoint is to be told."""
    subscribed(receiver)
    patients = [PatientFactory().perform("onboard", by=SYSTEM) for _one in range(12)]
    hand_out()
    return patients


def test_many_go_out_together_in_few_statements(waiting, receiver, django_assert_num_queries):
    sender = Sender("test", threads := Threads())
    with django_assert_num_queries(
        6
    ):  # a look, a claim, and within savepoints: are they ours, their endpoints
        assert sender.work("default") == 12
    threads.run()
    with django_assert_num_queries(
        5
    ):  # the time, and within savepoints: what became of them, who waits for them
        sender.finish(bool)
    assert set(Delivery.objects.values_list("state", "status")) == {("done", 200)}
    assert sorted(ids(receiver)) == sorted(f"msg_{delivery.uid.hex}" for delivery in Delivery.objects.all())


def test_one_look_tells_of_all_lanes_whether_anything_is_due(db, django_assert_num_queries):
    sender = Sender("test", Threads())
    with django_assert_num_queries(1):
        assert [sender.work(lane) for lane in Lane.values] == [0, 0, 0]
    with django_assert_num_queries(1):
        assert [sender.work(lane) for lane in Lane.values] == [0, 0, 0]


def test_a_delivery_that_goes_alone_is_found_too(waiting):
    Delivery.objects.update(alone=True)
    assert Sender("test", Threads()).work("default") == 1


def test_what_could_not_be_begun_in_time_is_due_again_as_if_nothing_had_been(waiting, monkeypatch):
    sender = Sender("test", Threads())
    assert sender.work("default") == 12
    assert set(Delivery.objects.values_list("state", flat=True)) == {"running"}
    monkeypatch.setattr(outbox, "monotonic", lambda: monotonic() + outbox.BEGIN_SECONDS)
    assert sender.work("bulk") == 12
    found = Delivery.objects.values_list("state", "lease_until", "attempts", "alone", "log")
    assert list(found) == [("due", None, 0, False, [])] * 12
    assert len(sender.outbox) == 0


def test_of_what_must_not_be_sent_twice_one_is_claimed_at_a_time(db):
    patient = PatientFactory()
    with channels.temporarily(Lost("pigeon", at_most_once=True)):
        for number in range(3):
            Delivery.objects.create(
                channel="pigeon", key=f"{number}", subject_type="patients.Patient", subject_id=patient.pk
            )
        sender = Sender("test", threads := Threads())
        assert [sender.work("default") for _turn in range(3)] == [1, 0, 0]
        threads.run()
        sender.finish(bool)
        assert sender.work("default") == 1
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == ["done", "running", "due"]


def test_it_is_one_at_a_time_for_all_lanes_together(db):
    patient = PatientFactory()
    with channels.temporarily(Lost("pigeon", at_most_once=True)):
        for lane in Lane.values:
            Delivery.objects.create(
                channel="pigeon", key=lane, lane=lane, subject_type="patients.Patient", subject_id=patient.pk
            )
        sender = Sender("test", Threads())
        assert [sender.work(lane) for lane in Lane.values] == [1, 0, 0]


@pytest.fixture
def slow(waiting: list[Patient], monkeypatch: Any) -> Sender:
    """A sender whose one receiver, with a share of four, kept eight more deliveries waiting in line for too long."""
    monkeypatch.setattr(outbox, "PER_RECEIVER", 4)
    sender = Sender("test", Threads())
    assert sender.work("default") == 12
    assert None not in [sender.outbox._next() for _thread in range(4)]
    with monkeypatch.context() as later:
        later.setattr(outbox, "monotonic", lambda: monotonic() + outbox.BEGIN_SECONDS)
        assert sender.work("bulk") == 8
    assert sender.work("interactive") == 0  # which ends the turn of all lanes
    return sender


def test_no_more_is_claimed_for_a_slow_receiver_than_can_be_begun(slow):
    assert slow.work("default") == 0
    for _answer in range(3):
        slow.outbox._next(str(Endpoint.objects.get().pk))
    assert slow.work("default") == 3
    assert Counter(Delivery.objects.values_list("state", flat=True)) == {"running": 7, "due": 5}


def test_a_receiver_that_is_slow_no_more_when_its_turn_comes_waits_for_the_next_one(slow, monkeypatch):
    slow.outbox._next(str(Endpoint.objects.get().pk))
    assert slow.work("interactive") == 0  # and has seen what is due in all lanes
    later = monotonic() + outbox.BEGIN_SECONDS + outbox.SLOW_SECONDS
    monkeypatch.setattr(outbox, "monotonic", lambda: later)
    assert (slow.work("default"), slow.outbox.slow()) == (0, {})
    assert slow.work("default") == 8


@pytest.mark.parametrize(("durable", "setting"), [(True, "on"), (False, "off")])
def test_only_a_claim_of_what_must_not_be_sent_twice_waits_for_the_disk(waiting, durable, setting):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO on")  # earlier claims left it off
        assert len(claim(Delivery, "default", 5, worker="test", durable=durable)) == 5
        cursor.execute("SELECT current_setting('synchronous_commit')")
        assert cursor.fetchone() == (setting,)


def test_a_worker_back_from_the_dead_settles_nothing(waiting):
    late = claim(Delivery, "default", 12, worker="late")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflows_delivery SET lease_until = statement_timestamp() - interval '1 s'")
    assert reap_lost() == 12
    (taken,) = claim(Delivery, "default", 12, worker="quick")
    settle([(row, Sent(Fate.SENT, status=200)) for row in late])
    assert Counter(Delivery.objects.values_list("state", "worker", "status")) == {
        ("running", "quick", None): 1,
        ("due", "late", None): 11,
    }
    settle([(taken, Sent(Fate.SENT, status=200))])
    assert Delivery.objects.get(pk=taken.pk).state == "done"


def test_a_batch_that_falls_apart_counts_each_attempt_once(waiting, receiver, monkeypatch):
    receiver.answer = (503, {}, b"")
    channel = channels.get("webhook")

    def fails(delivery: Delivery, sent: Sent, *, final: bool) -> None:
        if delivery.subject_id == waiting[0].pk:
            raise ZeroDivisionError

    monkeypatch.setattr(channel, "settle", fails)
    sender = Sender("test", threads := Threads())
    sender.work("default")
    threads.run()
    sender.finish(bool)
    rows = Delivery.objects.all()
    assert [(row.state, row.attempts, len(row.log)) for row in rows] == [("due", 1, 1)] * 12
    assert Counter(row.error for row in rows) == {
        "Its answer could not be kept.": 1,
        "The receiver answered 503.": 11,
    }


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
    hand_out()
    with ThreadPoolExecutor(4) as pool:
        sender = Sender("test", pool)
        sender.work("default")
        sender.finish(bool)
    states = {str(row.subject_id): (row.state, row.error_code) for row in Delivery.objects.all()}
    assert states == {
        unready: ("due", "will_retry"),
        unkept: ("done", ""),
        **{str(patient.pk): ("done", "") for patient in patients[2:]},
    }
    assert len(receiver.seen) == 3
