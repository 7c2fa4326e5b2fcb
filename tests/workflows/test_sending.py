"""A sender claims ahead, gives back what it cannot begin, and writes down only what is still its own."""

from __future__ import annotations

from collections import Counter
from time import monotonic
from typing import Any

import pytest
from django.db import connection

from careops.access.actor import Actor
from patients.models import Patient
from tests.factories.patients import PatientFactory
from tests.lib.servers import recording
from tests.workflows.support import Threads
from tests.workflows.support import settle as hand_out
from workflows import outbox
from workflows.catalogue import Fate, Sent, channels
from workflows.models import Delivery, Endpoint
from workflows.models.lease import claim
from workflows.senders import Sender, reap_lost, settle

SYSTEM = Actor.system()


class Pigeon:
    """A channel whose receivers cannot tell a second time from the first."""

    name, at_most_once, delays = "pigeon", True, (1,)

    def prepare(self, delivery: Any) -> Any:
        return delivery

    def send(self, prepared: Any) -> Sent:
        return Sent(Fate.SENT)

    def settle(self, delivery: Any, sent: Sent, *, final: bool) -> None:
        pass


@pytest.fixture
def receiver(settings: Any) -> Any:
    with recording() as server:
        server.answer = (200, {}, b"ok")
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.server_port}"]
        yield server


@pytest.fixture
def waiting(db: Any, receiver: Any) -> list[Patient]:
    """Twelve patients of whom an endpoint is to be told."""
    url = f"http://127.0.0.1:{receiver.server_port}/"
    Endpoint.objects.create(name="Partner", url=url, subscriptions=["patient.onboarded"])
    patients = [PatientFactory().perform("onboard", by=SYSTEM) for _one in range(12)]
    hand_out()
    return patients


def test_a_delivery_that_goes_alone_is_found_too(waiting):
    Delivery.objects.update(alone=True)
    assert Sender("test", Threads()).work("default") == 1


def test_what_could_not_be_begun_in_time_is_due_again_as_if_nothing_had_been(waiting, monkeypatch):
    sender = Sender("test", Threads())
    assert sender.work("default") == 12
    assert set(Delivery.objects.values_list("state", flat=True)) == {"running"}
    monkeypatch.setattr(outbox, "monotonic", lambda: monotonic() + outbox.BEGIN_SECONDS)
    sender.work("bulk")
    found = Delivery.objects.values_list("state", "lease_until", "attempts", "alone", "log")
    assert list(found) == [("due", None, 0, False, [])] * 12
    assert len(sender.outbox) == 0


def test_of_what_must_not_be_sent_twice_one_is_claimed_at_a_time(db):
    patient = PatientFactory()
    with channels.temporarily(Pigeon()):
        for number in range(3):
            Delivery.objects.create(
                channel="pigeon", key=f"{number}", subject_type="patients.Patient", subject_id=patient.pk
            )
        sender = Sender("test", threads := Threads())
        assert [sender.work("default") for _turn in range(3)] == [1, 0, 0]
        threads.run()
        sender.finish()
        assert sender.work("default") == 1
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == ["done", "running", "due"]


@pytest.mark.parametrize(("durable", "setting"), [(True, "on"), (False, "off")])
def test_only_a_claim_of_what_must_not_be_sent_twice_waits_for_the_disk(waiting, durable, setting):
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL synchronous_commit TO on"
        )  # claims before this one left it off for the test's transaction
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
    sender.finish()
    rows = Delivery.objects.all()
    assert [(row.state, row.attempts, len(row.log)) for row in rows] == [("due", 1, 1)] * 12
    assert Counter(row.error for row in rows) == {
        "Its answer could not be kept.": 1,
        "The receiver answered 503.": 11,
    }
