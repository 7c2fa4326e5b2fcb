"""Turns, the only thing django-q2 carries: never too many of them, and none takes more than it can do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event, get_ident
from time import monotonic

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django_q.models import OrmQ

from careops.access.actor import Actor
from careops.lib import clock
from tests.factories.patients import PatientFactory
from tests.workflows.support import STOP, Threads, live, settle
from workflows import tasks
from workflows.catalogue import Fate, Sent
from workflows.channels import WebhookChannel
from workflows.engine import drain as engine
from workflows.engine import limits
from workflows.engine.batches import Batches
from workflows.engine.lookout import Ahead
from workflows.models import Delivery, Drainer, Endpoint, StepRun
from workflows.models.lease import claim, hold, reap, release
from workflows.senders import Sender

pytestmark = pytest.mark.django_db


def test_a_turn_asks_for_the_next_one(monkeypatch):
    monkeypatch.setitem(settings.ENGINE, "DRAIN_SECONDS", 0)
    tasks.drain("bulk")
    assert [turn.func() for turn in OrmQ.objects.all()] == ["workflows.tasks.drain"]


def test_turns_that_began_together_do_not_end_together(monkeypatch):
    monkeypatch.setitem(settings.ENGINE, "DRAIN_SECONDS", 30)
    lasting = [engine.turn_seconds() for _turn in range(20)]
    assert all(21 <= seconds <= 30 for seconds in lasting)
    assert max(lasting) - min(lasting) > 1


def test_a_turn_too_many_ends_at_once_and_asks_for_none(monkeypatch):
    monkeypatch.setitem(settings.ENGINE, "DRAIN_SECONDS", 0)
    group = settings.Q_CLUSTER["cluster_name"]
    Drainer.objects.create(name=f"host:{group}:1:bulk", lane="bulk")
    assert tasks.drain("bulk") == 0
    assert not OrmQ.objects.exists()
    tasks.drain("send")
    assert OrmQ.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_turns_that_begin_at_the_same_moment_one_is_taken(monkeypatch):
    begin, all_know = Barrier(6), Barrier(6)

    def take(number: int) -> bool:
        try:
            begin.wait(30)
            with tasks.turn("bulk") as mine:
                all_know.wait(30)
                return mine
        finally:
            connection.close()

    group = settings.Q_CLUSTER["cluster_name"]
    monkeypatch.setattr(tasks, "worker_name", lambda lane: f"host:{group}:{get_ident()}:{lane}")
    for _time in range(5):
        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(take, range(6))) == [False] * 5 + [True]
        assert (OrmQ.objects.all().delete()[0], Drainer.objects.count()) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_a_lane_goes_on_though_its_turn_lost_the_connection():
    def lose() -> None:
        try:
            with tasks.turn("bulk") as mine, connection.cursor() as cursor:
                assert mine
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(lose).exception()
    assert isinstance(lost, OperationalError | InterfaceError)
    assert (OrmQ.objects.count(), Drainer.objects.count()) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_another_groups_process_that_is_frozen_holds_up_no_turn():
    def take() -> bool:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', '5s', false)")
            with tasks.turn("bulk") as mine:
                return mine
        finally:
            connection.close()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext('another group'))", [tasks.LOCK])
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(take).result()


@pytest.mark.django_db(transaction=True)
def test_a_drain_that_waits_for_its_last_answers_gives_signs_of_life(monkeypatch):
    """What it told of itself before its time was up counts for nothing any more."""
    group = settings.Q_CLUSTER["cluster_name"]
    monkeypatch.setattr(engine, "worker_name", lambda lane: f"host:{group}:1:{lane}")
    Endpoint(name="Partner", url="https://partner.example/", subscriptions=["patient.onboarded"]).save()
    PatientFactory().perform("onboard", by=Actor.system())
    settle()
    time_is_up, answer = Event(), Event()
    finish = Sender.finish

    def send(self: object, prepared: object) -> Sent:
        answer.wait(30)
        return Sent(Fate.SENT, status=200)

    def finish_it(self: Sender, sign_of_life: Callable[[], object]) -> None:
        time_is_up.set()
        finish(self, sign_of_life)

    def turn() -> int:
        try:
            return engine.drain("send", seconds=0.2)
        finally:
            connection.close()

    monkeypatch.setattr(WebhookChannel, "prepare", lambda self, row: "something")
    monkeypatch.setattr(WebhookChannel, "send", send)
    monkeypatch.setattr(Sender, "finish", finish_it)
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(turn)
        assert time_is_up.wait(30)
        Drainer.objects.update(seen_at=clock.RealNow() - timedelta(hours=1))
        deadline = monotonic() + 20
        while not engine.alive(group).exists() and monotonic() < deadline:
            connection.close()  # look again, from a new session
        assert list(engine.alive(group).values_list("lane", flat=True)) == ["send"]
        answer.set()
        going.result()
    assert Delivery.objects.get().state == "done"


def test_what_a_dead_process_left_behind_stands_in_nobodys_way(monkeypatch):
    monkeypatch.setitem(settings.ENGINE, "DRAIN_SECONDS", 0)
    Drainer.objects.create(name=engine.worker_name("bulk"), lane="bulk")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE workflows_drainer SET seen_at = now() - interval '1 hour', idle = true")
    with tasks.turn("bulk") as mine:
        assert mine
        assert list(Drainer.objects.values_list("lane", "idle")) == [("bulk", False)]
    assert not Drainer.objects.exists()


def test_a_drain_whose_row_is_gone_goes_home(monkeypatch):
    monkeypatch.setattr(engine, "_rest", lambda *_: Drainer.objects.all().delete())
    assert engine.drain("bulk", seconds=600) == 0


def test_a_step_is_not_dead_until_its_run_has_ended_too(monkeypatch):
    live("patient.onboarded", STOP)
    PatientFactory().perform("onboard", by=Actor.system())
    settle()
    StepRun.objects.update(alone=True, crashes=2)
    [row] = claim(StepRun, "default", 1, worker="doomed")
    expire_leases()

    def vanish(row: StepRun) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine, "after_death", vanish)
        with pytest.raises(KeyboardInterrupt):
            engine.drain("bulk", until_empty=True)
    row.refresh_from_db()
    assert row.state == "running"
    engine.drain("bulk", until_empty=True)
    row.refresh_from_db()
    assert (row.state, row.error_code, row.run.state) == ("failed", "crashed", "failed")


def expire_leases() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_steprun SET lease_until = statement_timestamp() - interval '1 second'"
        )


def test_who_lost_a_row_cannot_hold_or_release_it_while_another_works_on_it():
    live("patient.onboarded", STOP)
    PatientFactory().perform("onboard", by=Actor.system())
    settle()
    lost = claim(StepRun, "default", 1, worker="slow")
    expire_leases()
    reap(StepRun)
    taken = claim(StepRun, "default", 1, worker="quick")
    with transaction.atomic():
        assert hold(StepRun, lost) == []
        assert hold(StepRun, taken) == taken
    release(StepRun, lost)
    assert StepRun.objects.get(pk=taken[0].pk).state == "running"


def test_while_an_answer_is_out_a_drain_does_not_lie_down():
    nothing = Ahead(events=False, batches=False, messages=frozenset(), rows=frozenset())
    rounds = engine._Rounds("send", engine.LANES["send"], "me", lambda idle: nothing, Threads(), ends=0)
    rounds.sender.outbox.put([(Delivery(channel="webhook"), None)])
    assert rounds.run() == 1


def test_no_more_is_claimed_than_lately_fitted_the_time():
    pace = Batches(StepRun, limits.BATCH, together=list, alone=print)
    pace.learn(claimed=200, left=190)
    assert pace.limit == 10
    pace.learn(claimed=10, left=10)
    assert pace.limit == 2
    for _batch in range(10):
        pace.learn(claimed=pace.limit, left=0)
    assert pace.limit == limits.BATCH
