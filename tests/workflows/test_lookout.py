"""A drain sees at a glance what there is to do, says that it lives, and is rung for by whoever brings work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from careops.access.actor import Actor
from patients.events import PATIENT_ONBOARDED
from tests.factories.patients import MessageFactory, PatientFactory
from tests.workflows.support import STOP, live, settle, work_off
from workflows.catalogue import quietly
from workflows.catalogue.recording import draft, sink
from workflows.engine import limits
from workflows.engine.dispatch import AT_ONCE, dispatch
from workflows.engine.lookout import Ahead, Lookout, lookout
from workflows.models import Delivery, Drainer, EventRecord, StepRun

SYSTEM = Actor.system()


@contextmanager
def looking(lane: str = "bulk", *lanes: str) -> Iterator[Lookout]:
    Drainer.objects.create(name="me", lane=lane)
    with lookout("me", lane, lanes or ("interactive", "default", "bulk")) as look:
        yield look


def ahead(*, events: bool = False, batches: bool = False, rows: tuple[str, ...] = ()) -> Ahead:
    return Ahead(events, batches, frozenset(), frozenset(rows))


def test_it_sees_events_then_batches_then_steps_and_then_nothing(db):
    live("patient.onboarded", STOP, lane="bulk")
    settle()
    with looking() as look:
        assert look(False) == ahead()
        PatientFactory().perform("onboard", by=SYSTEM)
        assert look(False) == ahead(events=True)
        dispatch()
        assert look(False) == ahead(batches=True)
        settle()
        assert look(False) == ahead(rows=("bulk",))
        StepRun.objects.update(alone=True)
        assert look(False) == ahead(rows=("bulk",))
        StepRun.objects.update(state="done")
        assert look(False) == ahead()


def test_it_sees_only_the_lanes_it_works_on(db):
    live("patient.onboarded", STOP, lane="bulk")
    PatientFactory().perform("onboard", by=SYSTEM)
    settle()
    with looking("default", "interactive", "default") as look:
        assert look(False) == ahead()


def test_a_sender_sees_deliveries_and_no_steps(db):
    live("patient.onboarded", STOP, lane="bulk")
    PatientFactory().perform("onboard", by=SYSTEM)
    settle()
    with looking("send") as look:
        assert look(False) == ahead()
        MessageFactory(state="draft").perform("queue", by=SYSTEM)
        assert look(False).rows == {"default"}
        Delivery.objects.update(due_at="2200-01-01T00:00Z")
        assert look(False).rows == frozenset()


def test_a_look_is_a_sign_of_life_and_says_whether_one_rests(db):
    with looking() as look:
        Drainer.objects.update(seen_at="2020-01-01T00:00Z")
        look(True)
        drainer = Drainer.objects.get(name="me")
        assert (drainer.idle, drainer.seen_at.year > 2020) == (True, True)
        look(False)
        assert Drainer.objects.get(name="me").idle is False
        Drainer.objects.all().delete()
        assert look(False) is None


def test_a_drain_numbers_all_quiet_events_before_it_says_that_nothing_is_due(db):
    patient = PatientFactory()
    settle()
    with quietly():
        sink().record([draft(PATIENT_ONBOARDED, patient) for _event in range(2 * AT_ONCE + 1)])
    work_off()
    assert not EventRecord.objects.filter(position=None).exists()


# ── The bell ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def bells(transactional_db: None) -> Iterator[psycopg.Connection]:
    """Somebody who hears every bell: of two idle drains, a busy one, one that died in its sleep, and an idle sender."""
    drains = [
        Drainer.objects.create(name="idle 1", lane="default", idle=True),
        Drainer.objects.create(name="idle 2", lane="bulk", idle=True),
        Drainer.objects.create(name="busy", lane="default"),
        Drainer.objects.create(name="dead", lane="default", idle=True, seen_at="2020-01-01T00:00Z"),
        Drainer.objects.create(name="sender", lane="send", idle=True),
    ]
    wanted = connection.get_connection_params()
    keys = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(autocommit=True, **{key: wanted[key] for key in keys if wanted.get(key)}) as ear:
        for drain in drains:
            ear.execute(f"LISTEN {drain.bell}")
        yield ear


def rung(ear: psycopg.Connection) -> list[str]:
    """Whose bells were rung since the last time. A call sent after the others is the last to arrive."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(bell, 'end') FROM workflows_drainer WHERE name = 'busy'")
    names = dict(Drainer.objects.values_list("bell", "name"))
    heard = []
    for call in ear.notifies(timeout=10):
        if call.payload == "end":
            return heard
        heard.append(names[call.channel])
    raise TimeoutError("The bell was not heard.")


def test_a_change_rings_for_one_idle_worker(bells):
    patient = PatientFactory()
    rung(bells)
    patient.perform("onboard", by=SYSTEM)
    assert len(rung(bells)) == 1
    Drainer.objects.filter(name="idle 1").update(idle=False)
    patient = patient.perform("deactivate", by=SYSTEM)
    assert rung(bells) == ["idle 2"]
    Drainer.objects.filter(name="idle 2").update(idle=False)
    patient.perform("reactivate", by=SYSTEM)
    assert rung(bells) == []


def test_something_to_send_rings_for_a_sender(bells):
    message = MessageFactory(state="draft")
    Drainer.objects.filter(lane__in=["default", "bulk"]).update(idle=False)
    rung(bells)
    message.perform("queue", by=SYSTEM)
    assert rung(bells) == ["sender"]


@pytest.mark.parametrize(("events", "bells_rung"), [(limits.BATCH, 0), (limits.BATCH + 1, 2)])
def test_more_work_than_one_can_take_rings_for_others(bells, events, bells_rung):
    patient = PatientFactory()
    while dispatch():
        pass
    sink().record([draft(PATIENT_ONBOARDED, patient) for _event in range(events)])
    rung(bells)
    dispatch()
    assert len(rung(bells)) == bells_rung
