"""Many messages at once: understood in one transaction, by themselves when one of them fails, each exactly once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from careops.access.actor import Actor
from tests.factories.patients import PatientFactory
from workflows.catalogue import InboundSource, Unmatched, acting, inbound_sources
from workflows.engine import inbound, limits
from workflows.models import EventRecord, InboundMessage, Lane
from workflows.models.lease import claim

pytestmark = pytest.mark.django_db

told: list[Any] = []


def interpret(body: Any, resolved_to: Any) -> dict[str, Any]:
    """Each message writes a record of its own, so that a rollback shows."""
    told.append(body["number"])
    PatientFactory(last_name=f"Told {body['number']}")
    if body.get("unknown"):
        raise Unmatched("their-7", "Nobody knows it.")
    return {"kept": body["number"]}


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> Any:
    told.clear()
    monkeypatch.setattr(inbound._batches, "limit", inbound.TOGETHER)
    testlab = InboundSource(
        name="testlab", label="Test lab", interpret=interpret, reference=lambda body: body["about"]
    )
    with inbound_sources.temporarily(testlab):
        yield


def stored(number: int, about: str = "", **more: Any) -> InboundMessage:
    body = json.dumps({"number": number, "about": about, **more})
    return InboundMessage.objects.create(
        source="testlab", message_id=f"msg_{number}", body=body, lane=Lane.INTERACTIVE
    )


def verdicts() -> dict[str, tuple[str, str]]:
    rows = InboundMessage.objects.values_list("message_id", "verdict", "state")
    return {name: (verdict, state) for name, verdict, state in rows}


def made() -> list[str]:
    from patients.models import Patient

    return sorted(Patient.objects.values_list("last_name", flat=True))


def test_all_that_is_due_is_understood_in_one_go() -> None:
    for number in range(3):
        stored(number)
    assert inbound.work(Lane.INTERACTIVE, "w") == 3
    assert verdicts() == {f"msg_{number}": ("applied", "done") for number in range(3)}
    assert made() == ["Told 0", "Told 1", "Told 2"]
    message = InboundMessage.objects.get(message_id="msg_1")
    assert (message.outcome, message.reference, message.lease_until, message.attempts) == (
        {"kept": 1},
        "",
        None,
        0,
    )
    assert [entry["worker"] for entry in message.log] == ["w"]
    assert json.loads(message.body) == {"number": 1, "about": ""}
    assert inbound.work(Lane.INTERACTIVE, "w") == 0


def test_the_queue_is_written_once_however_many_there_are() -> None:
    def cost(count: int) -> int:
        for _number in range(count):
            stored(InboundMessage.objects.count())
        with CaptureQueriesContext(connection) as asked:
            assert inbound.work(Lane.INTERACTIVE, "w") == count
        return len([query for query in asked if "workflows_inboundmessage" in query["sql"]])

    assert cost(2) == cost(9) == 4  # claimed, held, read, written


def test_one_that_fails_is_kept_and_the_others_are_applied_once() -> None:
    stored(0)
    stored(1, unknown=True)
    stored(2)
    inbound.work(Lane.INTERACTIVE, "w")
    assert verdicts() == {
        "msg_0": ("applied", "done"), "msg_1": ("unmatched", "done"), "msg_2": ("applied", "done"),
    }  # fmt: skip
    assert made() == ["Told 0", "Told 2"]


def test_messages_are_read_by_record_and_of_one_record_in_the_order_they_came() -> None:
    for number, about in enumerate(["b", "a", "b", "a"]):
        stored(number, about)
    inbound.work(Lane.INTERACTIVE, "w")
    assert told == [1, 3, 0, 2]


def test_what_does_not_fit_the_batchs_time_is_given_back_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 0.0, limits.BATCH_SECONDS + 1, limits.BATCH_SECONDS + 1])
    monkeypatch.setattr(inbound, "monotonic", lambda: next(moments))
    for number in range(3):
        stored(number)
    inbound.work(Lane.INTERACTIVE, "w")
    assert verdicts() == {
        "msg_0": ("applied", "done"),
        "msg_1": ("pending", "due"),
        "msg_2": ("pending", "due"),
    }
    assert made() == ["Told 0"]
    left = InboundMessage.objects.get(message_id="msg_2")
    assert (left.lease_until, left.attempts, left.crashes, left.log) == (None, 0, 0, [])


def test_so_many_are_taken_as_lately_fitted_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 0.0, 0.1, *[limits.BATCH_SECONDS + 1] * 2])
    monkeypatch.setattr(inbound, "monotonic", lambda: next(moments, 0.0))
    for number in range(4):
        stored(number, about=str(9 - number))
    assert inbound.work(Lane.INTERACTIVE, "w") == 4
    assert told == [3, 2]  # by record: the oldest two did not fit
    stored(4, about="0")
    stored(5, about="0")
    assert inbound.work(Lane.INTERACTIVE, "w") == 2
    assert told == [3, 2, 1, 0]  # before those that came later, whatever they are about


def test_what_failed_is_tried_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    stored(0)
    bad = stored(1)
    InboundMessage.objects.filter(pk=bad.pk).update(source="nobody")
    inbound.work(Lane.INTERACTIVE, "w")
    bad.refresh_from_db()
    assert (bad.state, bad.attempts, bad.alone) == ("due", 1, True)
    assert verdicts()["msg_0"] == ("applied", "done")
    InboundMessage.objects.filter(pk=bad.pk).update(source="testlab", due_at=bad.created_at)
    stored(2)
    assert inbound.work(Lane.INTERACTIVE, "w") + inbound.work(Lane.INTERACTIVE, "w") == 2
    bad.refresh_from_db()
    assert (bad.verdict, bad.alone) == ("applied", False)


@pytest.mark.parametrize("count", [1, 2])
def test_what_a_message_does_is_done_by_the_system_whoever_has_it_read(nia: Any, count: int) -> None:
    for number in range(count):
        stored(number)
    with acting(Actor.of(nia)):
        inbound.work(Lane.INTERACTIVE, "w")
    told_of = EventRecord.objects.filter(name="customer.created")
    assert list(told_of.values_list("actor_kind", flat=True)) == ["system"] * count


def test_one_that_was_given_to_somebody_else_meanwhile_is_left_to_them() -> None:
    mine, theirs = stored(0), stored(1)
    rows = claim(InboundMessage, Lane.INTERACTIVE, 2, worker="w")
    InboundMessage.objects.filter(pk=theirs.pk).update(fence=7, worker="another")
    inbound._batches.carry_out(rows)
    assert verdicts() == {"msg_0": ("applied", "done"), "msg_1": ("pending", "running")}
    assert made() == ["Told 0"]
    assert mine.pk != theirs.pk
