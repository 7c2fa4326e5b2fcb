"""How long from an event until what it causes is there, twenty events a second?

A person of staff onboards one patient after the other, one every 50 ms; the clock starts when that transaction is
committed. Internal: an automation with a condition opens a task; the clock stops when the task is committed, which a
trigger on the table tells the measuring process through NOTIFY. Through a sender: an automation with a condition calls a
signed webhook; the clock stops when the receiver on this machine has read the request. `manage.py worker` runs as it
does in production, with its four processes, idle between events.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

from benchmarks import clinic
from benchmarks.measuring import Spread, percentile
from benchmarks.outcome import Outcome
from benchmarks.receiver import Receiver, receiving
from benchmarks.waiting import eventually
from benchmarks.workers import supervised, url
from careops.access.actor import Actor
from patients.models import Patient
from workflows.models import Endpoint

EVERY = 0.05
EVENTS = 240
ROUNDS = 3
#: The first ones of each round are left out: nobody had asked for anything yet.
WARM = 20


def run() -> Outcome:
    patients = iter(clinic.patients(2 * ROUNDS * EVENTS))
    outcome = Outcome()
    with receiving() as receiver, supervised(CAREOPS_OUTBOUND_ALLOW=receiver.allow):
        _internal()
        found = [_measure(patients, tasks_appear) for _round in range(ROUNDS)]
        _report(outcome, "event → task committed", found, 12, 25)
        _through_sender(receiver)
        found = [_measure(patients, lambda: posts_arrive(receiver)) for _round in range(ROUNDS)]
        _report(outcome, "event → webhook received", found, 15, 40)
    return outcome


def _report(outcome: Outcome, what: str, found: list[list[float]], median: float, worst: float) -> None:
    for share, target in ((0.5, median), (0.95, worst)):
        values = Spread.of([1000 * percentile(taken, share) for taken in found])
        outcome.at_most(f"{what}, 20 events/s: p{100 * share:.0f}", target, values, "ms")
    outcome.figure(f"{what}: the slowest", [1000 * max(taken) for taken in found], "ms")


def _internal() -> None:
    clinic.live("Welcome", "patient.onboarded", clinic.TASK, conditions=clinic.adults())
    with connection.cursor() as cursor:
        cursor.execute(TELL_OF_TASKS)


def _through_sender(receiver: Receiver) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER bench_tell ON patients_task; TRUNCATE workflows_automation CASCADE")
    endpoint = Endpoint.objects.create(name="Registry", url=receiver.url("/registry"))
    call = {"action": "call_webhook", "parameters": {"endpoint": str(endpoint.pk)}}
    clinic.live("Tell the registry", "patient.onboarded", call, conditions=clinic.adults())


TELL_OF_TASKS = """
CREATE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN PERFORM pg_notify('bench_task', NEW.patient_id::text); RETURN NULL; END $$;
CREATE TRIGGER bench_tell AFTER INSERT ON patients_task FOR EACH ROW EXECUTE FUNCTION bench_tell();
"""

#: Patient's id → the moment at which what was to happen had happened.
Arrivals = dict[str, float]


def _measure(patients: Iterator[Patient], arriving: Callable[[], object]) -> list[float]:
    """Seconds from the commit of each event to its effect."""
    by, committed = Actor.system(), {}
    with arriving() as arrivals:
        due = time.time() + 0.5
        for patient in (next(patients) for _number in range(EVENTS)):
            time.sleep(max(0.0, due - time.time()))  # the load itself: one event every fiftieth of a second
            patient.perform("onboard", by=by)
            committed[str(patient.pk)] = time.time()
            due += EVERY
        eventually("everything has arrived", lambda: committed.keys() <= arrivals().keys())
        arrived = arrivals()
    return [arrived[pk] - moment for pk, moment in list(committed.items())[WARM:]]


@contextmanager
def tasks_appear() -> Iterator[Callable[[], Arrivals]]:
    """Listens in a thread of its own."""
    arrivals: Arrivals = {}
    over = threading.Event()

    def listen() -> None:
        with psycopg.connect(url(), autocommit=True) as listening:
            listening.execute("LISTEN bench_task")
            while not over.is_set():
                for told in listening.notifies(timeout=0.2):
                    arrivals[told.payload] = time.time()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield lambda: dict(arrivals)
    finally:
        over.set()
        thread.join()


@contextmanager
def posts_arrive(receiver: Receiver) -> Iterator[Callable[[], Arrivals]]:
    receiver.forget()
    yield lambda: {json.loads(body)["data"]["patient"]: moment for moment, body in receiver.seen()}
