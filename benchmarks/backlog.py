"""5 000 events wait; how many are worked off in a second?

CareOps: each event is matched against live automations (one condition on the patient's age), becomes a run with its
trace, and its step opens a task, which has an event of its own that is dispatched too. Two worker processes of a real
qcluster have a turn; the clock runs from the commit that shows them the events until the last run is done. Celery with
Redis, and django-q2 on its ORM broker as its documentation sets it up: two worker processes each, one bare task per
event that inserts one row, no condition, no trace; the clock runs from the moment the full queue is opened to them.

All contenders are started anew for each round and are warm and idle when the clock starts. One that is not done after
15 s is stopped, and what it had done by then is its rate.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from benchmarks import clinic
from benchmarks.measuring import ratios, rounds
from benchmarks.outcome import Outcome
from benchmarks.peers import WARM
from benchmarks.peers.installed import peers_python, redis
from benchmarks.places import REPO, environment
from benchmarks.waiting import watch
from benchmarks.workers import process, python, two_workers, url
from patients.models import Patient
from workflows.models import Automation

EVENTS = 5000
ROUNDS = 3
LONGEST = 15.0
LOOK_EVERY = 0.03

ONE = (("Welcome", True),)
FIVE = (("Welcome", True), ("Registry", True), ("Nobody 1", False), ("Nobody 2", False), ("Nobody 3", False))


def run() -> Outcome:
    patients = clinic.patients(EVENTS)
    _make_table()
    with redis() as broker:
        peers = peers_python()
        found = rounds(
            ROUNDS,
            {
                "CareOps": lambda: careops(patients, ONE),
                "CareOps, five listening": lambda: careops(patients, FIVE),
                "Celery": lambda: celery(peers, broker),
                "django-q2": stock_q2,
            },
        )
    outcome = Outcome()
    celery_rate = found["Celery"]
    outcome.at_least(
        "events with full trace per second against bare Celery tasks",
        10,
        ratios(found["CareOps"], celery_rate),
        "×",
    )
    outcome.at_least(
        "the same with 5 automations listening, 2 of which match", 5,
        ratios(found["CareOps, five listening"], celery_rate), "×",
    )  # fmt: skip
    outcome.figure(
        "against bare tasks of django-q2 on its ORM broker", _paired(found, "CareOps", "django-q2"), "×"
    )
    for name, rates in found.items():
        outcome.figure(name, rates, "events/s" if name.startswith("CareOps") else "tasks/s")
    return outcome


def _paired(found: dict[str, list[float]], ours: str, theirs: str) -> list[float]:
    return [one / other for one, other in zip(found[ours], found[theirs], strict=True)]


# ── CareOps ───────────────────────────────────────────────────────────────────────────────────────────────
def careops(patients: list[Patient], listening: tuple[tuple[str, bool], ...]) -> float:
    """Events per second, through a real qcluster of two workers."""
    clinic.clear()
    _listen(listening)
    matching = sum(matches for _name, matches in listening)
    with two_workers():
        clinic.onboarded(patients)
        done = _watched(time.time(), len(patients) * matching, _runs_done)
    _check(matching)
    return done / matching


def _listen(listening: tuple[tuple[str, bool], ...]) -> None:
    """Have exactly these automations live."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE workflows_automation CASCADE")
    for name, matches in listening:
        conditions = clinic.adults() if matches else clinic.nobody()
        clinic.live(name, "patient.onboarded", clinic.TASK, conditions=conditions)
    assert Automation.objects.filter(state="live").count() == len(listening)
    clinic.clear()


def _runs_done() -> int:
    return clinic.count(
        "SELECT count(*) FROM workflows_run WHERE automation_id IS NOT NULL AND state = 'done'"
    )


def _check(matching: int) -> None:
    """What was done was done in full: a task per run, and every run with its trace."""
    done = _runs_done()
    with_task = clinic.count(
        "SELECT count(*) FROM workflows_run r JOIN workflows_steprun s ON s.run_id = r.id AND s.state = 'done' "
        "JOIN patients_task t ON t.id = (s.result->>'id')::uuid WHERE r.state = 'done' AND r.trace->'saw' ? 'patient.age'"
    )
    if with_task != done or not done:
        raise AssertionError(f"{done} runs are done, but only {with_task} have their task and their trace.")


# ── The others ────────────────────────────────────────────────────────────────────────────────────────────
def celery(peers: str, broker: str) -> float:
    """Tasks per second."""
    _empty_table()
    env = environment(url(), BENCH_BROKER=broker, BENCH_DATABASE=url())
    argv = [peers, "-m", "celery", "-A", "benchmarks.peers.celery_app", "worker", "--concurrency=2", "-Q", WARM,
            "--loglevel=WARNING"]  # fmt: skip
    with process("celery", argv, env):
        opened = _opened([peers, "-m", "benchmarks.peers.celery_queue", str(EVENTS)], env)
        return _watched(opened, EVENTS, _rows)


def stock_q2() -> float:
    """Tasks per second."""
    _empty_table()
    env = environment(url(), BENCH_DATABASE=url(), DJANGO_SETTINGS_MODULE="benchmarks.peers.q2_settings")
    with process("q2", python("-m", "django", "qcluster"), env), _drained_q2():
        opened = _opened(python("-m", "benchmarks.peers.q2_queue", str(EVENTS)), env)
        return _watched(opened, EVENTS, _rows)


@contextmanager
def _drained_q2() -> Iterator[None]:
    """Tasks that were not worked off in time are thrown away: django-q2 shares its tables with CareOps here."""
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE django_q_ormq, django_q_task")


def _opened(argv: list[str], env: dict[str, str]) -> float:
    """The moment at which the whole queue was shown to the workers, by the clock on the wall."""
    done = subprocess.run(argv, cwd=REPO, env=env, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _make_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS bench_row (id bigserial PRIMARY KEY, number integer NOT NULL)"
        )


def _empty_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench_row")


def _rows() -> int:
    return clinic.count("SELECT count(*) FROM bench_row WHERE number >= 0")


def _watched(since: float, wanted: int, done: Callable[[], int]) -> float:
    """How many a second, until all are done or the time is up."""
    finished, taken = watch(since, wanted, done, longest=LONGEST, every=LOOK_EVERY)
    return finished / taken
