"""Turns, the only thing django-q2 carries: never too many of them, and none takes more than it can do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, get_ident

import pytest
from django.conf import settings
from django.db import connection, transaction
from django_q.models import OrmQ

from careops.access.actor import Actor
from tests.factories.patients import PatientFactory
from tests.workflows.support import STOP, Threads, live, settle
from workflows import tasks
from workflows.engine import drain as engine
from workflows.engine import limits
from workflows.engine.batches import Batches
from workflows.engine.lookout import Ahead
from workflows.models import Delivery, Drainer, StepRun
from workflows.models.lease import claim, hold, reap, release

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
