"""Worker groups as real processes, found in /proc and killed for real; a receiver and a letter box for what they send."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction

from careops.access.actor import Actor
from tests.factories.patients import PatientFactory
from tests.workflows.support import live
from workflows.models import OVER, Delivery, Endpoint, EventBatch, EventRecord, StepRun

REPO = Path(__file__).resolve().parent.parent.parent
#: How long it may take until something happens that must: a loaded machine of two cores is slow, not wrong.
DEADLINE = 120.0
SHORT = {"CAREOPS_LEASE_SECONDS": "3", "CAREOPS_DRAIN_SECONDS": "5", "CAREOPS_STALL_SECONDS": "6"}
UNDER_WAY = ("due", "running", "waiting")


def eventually(
    what: str, happens: Callable[[], Any], seconds: float = DEADLINE, explain: Callable[[], list[str]] = list
) -> Any:
    """What ``happens`` returns as soon as it is true; looked at again and again until the time is up."""
    ends, pause = monotonic() + seconds, Event()  # an Event nobody sets: a pause
    while not (answer := happens()):
        assert monotonic() < ends, f"not within {seconds:.0f} s: {what}; {explain()}"
        pause.wait(0.05)
    return answer


def database_url(database: dict[str, Any]) -> str:
    """The URL that settings.py reads as this database, a server behind a socket's folder included."""
    options = {name: value for name, value in database["OPTIONS"].items() if isinstance(value, str | int)}
    host = database["HOST"]
    if host.startswith("/"):
        options["host"], host = host, ""
    login = ":".join(quote(part, safe="") for part in (database["USER"], database["PASSWORD"]) if part)
    port = f":{database['PORT']}" if database["PORT"] else ""
    query = f"?{urlencode(options)}" if options else ""
    return f"postgresql://{login}@{host}{port}/{quote(database['NAME'], safe='')}{query}"


def surroundings(**more: str) -> dict[str, str]:
    """The environment in which manage.py works on this test's database."""
    ours = ("CAREOPS_", "DATABASE_", "SECRET_KEY", "DEBUG")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **inherited,
        "DATABASE_URL": database_url(connection.settings_dict),
        "SECRET_KEY": settings.SECRET_KEY,
        "CAREOPS_FIELD_KEYS": ",".join(settings.FIELD_KEYS),
        "CAREOPS_WORKERS": "4",
        **SHORT,
        **more,
    }


def manage(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One management command, to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=REPO, env=surroundings(**more), check=True,
        capture_output=True, text=True, timeout=DEADLINE,
    )  # fmt: skip


# ── Worker groups ─────────────────────────────────────────────────────────────────────────────────────────
class WorkerGroup:
    """One ``manage.py worker`` and everything it started."""

    def __init__(self, log: Path, **more: str) -> None:
        self.name = f"g{uuid4().hex[:12]}"
        self.log = log / f"{self.name}.log"
        with self.log.open("wb") as written:
            self.supervisor = subprocess.Popen(
                [sys.executable, "manage.py", "worker"], cwd=REPO, stdout=written, stderr=written,
                env=surroundings(CAREOPS_WORKER_GROUP=self.name, **more), start_new_session=True,
            )  # fmt: skip

    def members(self) -> set[int]:
        """Every living process of the group, wherever it hangs in the tree: the environment is inherited."""
        return {pid for pid in _pids() if self.owns(pid)}

    def owns(self, pid: int) -> bool:
        return f"CAREOPS_WORKER_GROUP={self.name}".encode() in _read(pid, "environ").split(b"\0")

    def crew(self) -> set[int]:
        """The members without the supervisor."""
        return self.members() - {self.supervisor.pid}

    def _said(self, words: str) -> set[int]:
        pattern = re.compile(rf"{words} (\d+)")
        return {int(pid) for pid in pattern.findall(self.log.read_text(errors="replace"))} & self.crew()

    def workers(self) -> set[int]:
        return self._said("ready for work at")

    def sentinel(self) -> set[int]:
        """Whose children the workers are."""
        return {_parent(pid) for pid in self.workers()} & self.crew()

    def part(self, name: str) -> set[int]:
        """The living processes that play this part in django-q2."""
        parts = {
            "worker": self.workers,
            "sentinel": self.sentinel,
            "monitor": lambda: self._said("monitoring at"),
            "pusher": lambda: self._said("pushing tasks at"),
        }
        return parts[name]()

    def is_complete(self) -> bool:
        return len(self.workers()) == 4 and all(self.part(name) for name in ("sentinel", "monitor", "pusher"))

    def end(self) -> None:
        """Kill all of it, the supervisor first, so that it starts nothing any more."""
        kill(self.supervisor.pid)
        self.supervisor.wait()
        for pid in self.members():
            kill(pid)
        eventually(f"nobody of {self.name} is left", lambda: not self.members())


def _pids() -> Iterator[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdigit())


def _read(pid: int, name: str) -> bytes:
    """A file of the process, empty for one that is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _parent(pid: int) -> int:
    status = _read(pid, "stat").rpartition(b") ")[2].split()
    return int(status[1]) if status else 0


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def a_starting_group(folder: Path, **more: str) -> Iterator[WorkerGroup]:
    """A group whose cluster was just started; whatever happens, nothing of it stays behind."""
    group = WorkerGroup(folder, **more)
    try:
        eventually("its cluster was started", group.crew)
        yield group
    finally:
        group.end()


@contextmanager
def worker_groups(count: int, folder: Path, **more: str) -> Iterator[list[WorkerGroup]]:
    """So many groups, complete and at work."""
    with ExitStack() as stack:
        groups = [stack.enter_context(a_starting_group(folder, **more)) for _number in range(count)]
        for group in groups:
            eventually(f"group {group.name} is complete", group.is_complete)
        yield groups


# ── The world outside ─────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Post:
    """A webhook as it arrived: the id to recognise it by, and the step that it says it is from."""

    webhook_id: str
    step: str


@dataclass
class World:
    """Where everything goes that leaves the house."""

    server: ThreadingHTTPServer
    letter_box: Path
    posts: list[Post] = field(default_factory=list)
    #: Every so-many-th answer takes that long.
    slow_every: int = 7
    slow_seconds: float = 0.4

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def environment(self) -> dict[str, str]:
        return {
            "CAREOPS_OUTBOUND_ALLOW": f"127.0.0.1:{self.port}",
            "CAREOPS_MAIL_FOLDER": str(self.letter_box),
        }

    def letters(self) -> list[str]:
        """The id of every mail that was sent; a repeated mail stands there twice."""
        texts = (file.read_text(errors="replace") for file in self.letter_box.iterdir())
        return [found for text in texts for found in re.findall(r"^Message-ID: <(.+)@", text, re.MULTILINE)]


class _Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        world: World = self.server.world
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        world.posts.append(Post(self.headers["webhook-id"], body["step"]))
        if len(world.posts) % world.slow_every == 0:
            Event().wait(world.slow_seconds)
        self.send_response_only(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def the_world(folder: Path) -> Iterator[World]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # callers are killed on purpose
    letter_box = folder / "letters"
    letter_box.mkdir()
    server.world = world = World(server, letter_box)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()


# ── Work ──────────────────────────────────────────────────────────────────────────────────────────────────
TASK = {
    "action": "create_task",
    "parameters": {"title": "Welcome call", "assign_to": "role", "role": "clinician"},
}
EMAIL = {
    "action": "send_email",
    "parameters": {"to": "patient", "subject": "Welcome", "body": "We look forward to seeing you."},
}


def welcome(world: World) -> None:
    """The automation of these tests: a task, an email and a webhook for everybody who is onboarded."""
    endpoint = Endpoint(name="Registry", url=f"http://127.0.0.1:{world.port}/welcome")
    endpoint.save()
    call = {"action": "call_webhook", "parameters": {"endpoint": str(endpoint.pk)}}
    live("patient.onboarded", TASK, EMAIL, call, name="Welcome")


def onboard(count: int) -> None:
    """So many more patients, all at once."""
    with transaction.atomic():
        for _number in range(count):
            PatientFactory().perform("onboard", by=Actor.system())


def left_to_do() -> int:
    """How many events and pieces of work are not over."""
    rows = sum(model.objects.filter(state__in=UNDER_WAY).count() for model in (EventBatch, StepRun, Delivery))
    return rows + EventRecord.objects.filter(position=None).count()


def done() -> int:
    """How far it is: more than before whenever something was done."""
    over = sum(model.objects.filter(state__in=OVER).count() for model in (StepRun, Delivery))
    return over + EventRecord.objects.exclude(position=None).count() - EventBatch.objects.count()


def settled() -> None:
    """Wait until nothing is left to do, for as long as more and more gets done."""
    while left_to_do():
        before = done()
        Event().wait(0.3)  # looking costs the workers time on a small machine
        eventually(
            "more gets done", lambda before=before: not left_to_do() or done() > before, explain=open_rows
        )


def open_rows() -> list[str]:
    """What a test has to say that waited in vain."""
    return [
        f"{row} is {row.state}, due {row.due_at}, leased {row.lease_until}, {row.error_code} {row.log[-1:]}"
        for model in (EventBatch, StepRun, Delivery)
        for row in model.objects.filter(state__in=UNDER_WAY)[:20]
    ]
