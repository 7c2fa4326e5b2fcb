"""CareOps' own workers as real processes, and how to tell that they have nothing to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import connection

from benchmarks.places import REPO, environment, scratch
from benchmarks.waiting import eventually


@contextmanager
def process(
    name: str, argv: list[str], env: dict[str, str], cwd: Path = REPO, farewell: float = 0.0
) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a process group of its own, and its log in the scratch folder; whatever happens, none of it stays.

    ``farewell`` is how many seconds it may take to end what it started outside of its group.
    """
    with (scratch("logs") / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(argv, cwd=cwd, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        yield child
    finally:
        if farewell:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(farewell)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def python(*words: str) -> list[str]:
    return [sys.executable, *words]


def url() -> str:
    """The database that this process works on."""
    return os.environ["DATABASE_URL"]


@contextmanager
def two_workers() -> Iterator[None]:
    """A real qcluster in which two worker processes have a turn that works on ordinary steps, and wait for work.

    It has two more, as the least there may be, but nobody gives them a turn.
    """
    group = f"bench{uuid4().hex[:8]}"
    env = environment(url(), CAREOPS_WORKER_GROUP=group)
    subprocess.run(python("-c", ASK, "default", "bulk"), cwd=REPO, env=env, check=True)
    with process("qcluster", python("manage.py", "qcluster"), env), _gone_afterwards(group):
        eventually("both workers are idle", lambda: _idle(group) == 2)
        yield


#: Puts the lanes' first turns into the queue of the group that the environment names.
ASK = "import django, sys; django.setup(); from workflows.tasks import ask; [ask(lane) for lane in sys.argv[1:]]"


@contextmanager
def supervised(**more: str) -> Iterator[None]:
    """``manage.py worker`` as it is in production, with all four lanes waiting for work."""
    group = f"bench{uuid4().hex[:8]}"
    env = environment(url(), CAREOPS_WORKER_GROUP=group, **more)
    with process("worker", python("manage.py", "worker"), env, farewell=20), _gone_afterwards(group):
        eventually("all four lanes are idle", lambda: _idle(group) == settings.ENGINE["WORKERS"])
        yield


@contextmanager
def _gone_afterwards(group: str) -> Iterator[None]:
    """Workers that were killed say nothing: their signs of life go with them."""
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM workflows_drainer WHERE name LIKE %s", [f"%:{group}:%"])


def _idle(group: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM workflows_drainer WHERE idle AND name LIKE %s", [f"%:{group}:%"])
        return int(cursor.fetchone()[0])
