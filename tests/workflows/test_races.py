"""Two sessions at the same moment: whatever one of them does not see yet, the other one must not miss."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest
from django.db import connection

from careops.access.actor import Actor
from tests.factories.patients import PatientFactory
from tests.workflows.support import TASK, live, settle
from workflows import senders
from workflows.catalogue import Fate, Sent
from workflows.engine import advance, operate, steps
from workflows.engine.drain import drain
from workflows.models import Delivery, Endpoint, Run, StepRun
from workflows.models.lease import claim

pytestmark = pytest.mark.django_db(transaction=True)


def in_its_session(call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        try:
            return call()
        finally:
            connection.close()

    return run


def test_a_run_ends_though_its_last_two_steps_end_in_the_same_moment(monkeypatch, system):
    live("patient.onboarded", {**TASK, "on_failure": "continue"}, TASK)
    PatientFactory().perform("onboard", by=system)
    settle()
    [first] = claim(StepRun, "default", 1, worker="me")
    advance.fail(first, "broken", "", permanent=True)  # the run goes on with the second step
    operate.retry_step(first, by=system)  # and a person has the first one tried again
    rows = claim(StepRun, "default", 2, worker="me")
    assert len(rows) == 2
    written, write = Barrier(2), advance.Book.write

    def write_slowly(book: advance.Book) -> None:
        write(book)
        with suppress(BrokenBarrierError):
            written.wait(1)  # until both have written, unless one waits for the other's commit

    monkeypatch.setattr(advance.Book, "write", write_slowly)
    with ThreadPoolExecutor(2) as pool:
        for going in [pool.submit(in_its_session(lambda row=row: steps._one(row))) for row in rows]:
            going.result()
    assert list(StepRun.objects.values_list("state", flat=True)) == ["done", "done"]
    assert Run.objects.get().state == "done"


def test_a_step_that_begins_to_wait_while_its_delivery_is_settled_is_woken(monkeypatch):
    partner = Endpoint(name="Partner", url="https://partner.example/")
    partner.save()
    live("patient.onboarded", {"action": "call_webhook", "parameters": {"endpoint": str(partner.pk)}})
    PatientFactory().perform("onboard", by=Actor.system())
    drain("bulk", until_empty=True)
    [row] = claim(Delivery, "default", 1, worker="me")
    senders.settle([(row, Sent(Fate.REFUSED, "no", status=400))])
    drain("bulk", until_empty=True)
    operate.retry_step(
        StepRun.objects.get(state="failed"), by=Actor.system()
    )  # its delivery is due again, too
    [row] = claim(Delivery, "default", 1, worker="sender")
    [step] = claim(StepRun, "default", 1, worker="drain")
    woken, looked = Event(), Event()
    wake, ask = senders.wake_steps, advance.Book._ask_for_answers

    def wake_before_the_commit(rows: list[Delivery]) -> None:
        wake(rows)
        woken.set()
        looked.wait(1)

    def ask_before_the_commit(book: advance.Book) -> None:
        woken.wait(20)
        ask(book)
        looked.set()

    with monkeypatch.context() as patched:
        patched.setattr(senders, "wake_steps", wake_before_the_commit)
        patched.setattr(advance.Book, "_ask_for_answers", ask_before_the_commit)
        with ThreadPoolExecutor(1) as pool:
            answer = [(row, Sent(Fate.SENT, status=200))]
            settled = pool.submit(in_its_session(lambda: senders.settle(answer)))
            steps._one(step)
            settled.result()
    drain("bulk", until_empty=True)
    ended = (Delivery.objects.get().state, StepRun.objects.get().state, Run.objects.get().state)
    assert ended == ("done", "done", "done")
