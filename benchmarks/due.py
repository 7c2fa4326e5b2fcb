"""100 000 steps fall due at the same second. How fast are they done, in which order, and who has to wait meanwhile?

Each is a step that opens a task, in the *bulk* lane, of a run that rests; they fall due within one second, in another
order than the one they were stored in. `manage.py worker` runs as it does in production and is idle when they fall
due. Meanwhile a person onboards a patient every 50 ms, and an automation in the *interactive* lane opens a task for
each: from the commit of the event to the commit of that task. What is not done after 45 s is stopped; the rate is
then that of what was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from benchmarks import clinic
from benchmarks.latency import TELL_OF_TASKS, tasks_appear
from benchmarks.measuring import Spread, percentile
from benchmarks.outcome import Outcome
from benchmarks.waiting import eventually, watch
from benchmarks.workers import supervised
from careops.access.actor import Actor
from patients.models import Patient
from workflows.models import AutomationVersion

STEPS = 100_000
PEOPLE = 5000
VISITORS = 1200
LONGEST = 45.0
#: Seconds to store them in, before they fall due.
AHEAD = 10.0
EVERY = 0.05
URGENT = {"action": "create_task", "parameters": {"title": "Now", "assign_to": "role", "role": "clinician"}}


def run() -> Outcome:
    crowd = clinic.patients(PEOPLE + VISITORS)
    version = clinic.live("Reminder", "appointment.confirmed", clinic.TASK, lane="bulk")
    clinic.live("At once", "patient.onboarded", URGENT, lane="interactive", conditions=clinic.adults())
    clinic.clear()
    with connection.cursor() as cursor:
        cursor.execute(TELL_OF_TASKS.replace("FOR EACH ROW", "FOR EACH ROW WHEN (NEW.title = 'Now')"))
    with supervised():
        starts = _store(version, time.time() + AHEAD)
        with tasks_appear() as arrivals:
            with visitors(crowd[PEOPLE:], starts) as committed:
                done, taken = watch(starts, STEPS, _done, longest=LONGEST, every=0.5)
            with suppress(TimeoutError):  # what has not come by then counts as still on its way
                eventually("all visitors are attended to", lambda: committed.keys() <= arrivals().keys(), 1.0)
            arrived = arrivals()
    waited = [arrived.get(pk, time.time()) - moment for pk, moment in committed.items() if moment > starts]
    outcome = Outcome()
    outcome.at_least(
        "100 000 steps falling due at once: done per second", 8000, Spread.of([done / taken]), "steps/s"
    )
    outcome.at_most(
        "the interactive lane meanwhile: p95", 150, Spread.of([1000 * percentile(waited, 0.95)]), "ms"
    )
    outcome.at_most(
        "in order of due time: the furthest a step was overtaken", 1000, Spread.of([_overtaken()]), "places"
    )
    outcome.figure("done", [done], "steps")
    outcome.figure("visitors", [len(waited)], "events")
    outcome.figure("the interactive lane: p50", [1000 * percentile(waited, 0.5)], "ms")
    return outcome


def _store(version: AutomationVersion, starts: float) -> float:
    """Events that were dispatched long ago, their runs, and in each the step that rests. Returns when they are all due:
    at that moment, or at the commit that shows them, where storing them took longer."""
    step = version.definition["steps"][0]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH people AS (
                SELECT id, row_number() OVER (ORDER BY id) AS place FROM patients_patient ORDER BY id LIMIT %(people)s
            ), told AS (
                INSERT INTO workflows_eventrecord (uid, name, subject_type, subject_id, patient_id, actor_kind, actor_id,
                                                   data, correlation_id, depth, quiet, position)
                SELECT gen_random_uuid(), 'appointment.confirmed', 'patients.Patient', people.id, people.id, 'system', '',
                       '{}', gen_random_uuid(), 0, false, number
                FROM generate_series(1, %(steps)s) AS number JOIN people ON people.place = 1 + number %% %(people)s
                RETURNING id, subject_type, subject_id, patient_id, position
            ), run AS (
                INSERT INTO workflows_run (event_id, automation_id, version_id, reaction, subject_type, subject_id,
                                           patient_id, state, trace)
                SELECT id, %(automation)s, %(version)s, '', subject_type, subject_id, patient_id, 'running',
                       '{"of": [], "group": "all", "holds": true}'
                FROM told RETURNING id
            )
            INSERT INTO workflows_steprun (run_id, key, position, action, lane, state, due_at, fence, worker, attempts,
                                           crashes, alone, error_code, error, log, rested, awaits, trace, input, result)
            SELECT id, %(key)s, 1, 'create_task', 'bulk', 'due',
                   to_timestamp(%(starts)s)
                       + (row_number() OVER (ORDER BY id * 7919 %% 100003)) * interval '10 microseconds',
                   0, '', 0, 0, false, '', '', '[]', false, '', '{}', %(input)s, '{}'
            FROM run
            """,
            {
                "people": PEOPLE, "steps": STEPS, "starts": starts, "automation": version.automation_id,
                "version": version.pk, "key": step["key"], "input": Jsonb(step["parameters"]),
            },
        )  # fmt: skip
        cursor.execute("ANALYZE workflows_steprun, workflows_run, workflows_eventrecord")
    return max(starts, time.time())


@contextmanager
def visitors(patients: list[Patient], starts: float) -> Iterator[dict[str, float]]:
    """People who want something at once, until nobody looks any more: patient's id → when it was committed."""
    committed: dict[str, float] = {}
    over = threading.Event()

    def come() -> None:
        due = time.time()
        for patient in patients:
            if over.wait(max(0.0, due - time.time())):
                break
            patient.perform("onboard", by=Actor.system())
            committed[str(patient.pk)] = time.time()
            due += EVERY
        connection.close()

    thread = threading.Thread(target=come)
    thread.start()
    try:
        yield committed
    finally:
        over.set()
        thread.join()


def _done() -> int:
    return clinic.count("SELECT count(*) FROM workflows_steprun WHERE lane = 'bulk' AND state = 'done'")


def _overtaken() -> int:
    """By how many places, at most, a step was done before one that had been due before it; batches share a moment."""
    return clinic.count(
        """
        WITH ranked AS (
            SELECT row_number() OVER (ORDER BY due_at) AS due, finished_at FROM workflows_steprun
            WHERE lane = 'bulk' AND state = 'done'
        ), batches AS (SELECT finished_at, min(due) AS first, max(due) AS last FROM ranked GROUP BY finished_at)
        SELECT coalesce(max(before - first), 0)::int FROM (
            SELECT first, max(last) OVER (ORDER BY finished_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM batches) AS looked WHERE before > first
        """
    )
