"""`make run`: database, migrations, demo clinic, web server and worker, until Ctrl-C."""

import contextlib
import errno
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from careops.quickstart import surroundings
from careops.quickstart.console import Console, Trouble
from careops.quickstart.database import Server, check_reachable
from careops.quickstart.services import Service, Services, ignore_signals

HOST = "127.0.0.1"
READY_SECONDS = 90


def run(repo: Path, console: Console) -> int:
    """The way `make run` goes; ends with 0 when the person stops it."""
    port = _free_port()
    given = surroundings.given_database()
    with contextlib.ExitStack() as stack:
        try:
            start = Start(repo, console, port, demo=not given)
            start.prepare(_own(console, given) if given else _embedded(stack, repo, console))
            services = stack.enter_context(Services())
            start.serve(services)
            while True:
                services.check()
                time.sleep(0.5)  # between two looks at the children; Ctrl-C ends it at once
        except KeyboardInterrupt:
            console.say("\nStopping ...")
        finally:
            ignore_signals()
    return 0


class Start:
    """The steps of a start, each with its line of progress."""

    def __init__(self, repo: Path, console: Console, port: int, *, demo: bool) -> None:
        self.repo, self.console, self.port, self.demo = repo, console, port, demo
        self.env: dict[str, str] = {}
        self.logs = repo / ".local" / "log"

    def prepare(self, env: dict[str, str]) -> None:
        """Everything that has to be true before anybody is served."""
        self.env = env
        self.logs.mkdir(parents=True, exist_ok=True)
        self._manage("Migrations", "migrate", "--noinput", "--verbosity=0")
        if self.demo:
            self._manage("Demo clinic", "seed_demo")
        elif not _on(env, "DEBUG"):
            self._manage("Static files", "collectstatic", "--noinput")

    def serve(self, services: Services) -> None:
        """Start both children, wait until both work, then say where to go."""
        web = ["gunicorn", "careops.wsgi", f"--bind={HOST}:{self.port}", "--workers=2", "--threads=4"]
        self._child(services, "web", ["-m", *web, "--graceful-timeout=5", "--no-control-socket"])
        self._child(services, "worker", ["manage.py", "worker"])
        self._wait("Web server", services, self._web_answers)
        self._wait("Worker", services, self._worker_is_alive)
        self._welcome()

    def _welcome(self) -> None:
        site = f"http://localhost:{self.port}/"
        self.console.say(f"\nCareOps is running.\n\n  Staff     {site}admin/\n  Patients  {site}\n")
        if self.demo:
            secret = self.env["CAREOPS_JUNCTION_SECRETS"]
            self.console.say(self._output("seed_demo", "--logins") + "\n")
            self.console.say(f"  Mail it sends is written to {self.env['CAREOPS_MAIL_FOLDER']}")
            self.console.say(f"  Lab webhooks in, {site}hooks/junction/, are signed with {secret}")
        self.console.say(f"  Logs are in {self.logs}\n\nCtrl-C stops everything.")

    def _manage(self, label: str, *words: str) -> str:
        return self.console.command(label, [sys.executable, "manage.py", *words], env=self.env, cwd=self.repo)

    def _output(self, *words: str) -> str:
        done = self._quietly(*words)
        return done.stdout.rstrip() if done.returncode == 0 else ""

    def _quietly(self, *words: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "manage.py", *words]
        return subprocess.run(argv, env=self.env, cwd=self.repo, capture_output=True, text=True, check=False)  # noqa: S603 (ours)

    def _child(self, services: Services, name: str, words: list[str]) -> None:
        argv, log = [sys.executable, *words], self.logs / f"{name}.log"
        services.children.append(Service(f"The {name}", argv, env=self.env, cwd=self.repo, log=log))

    def _wait(self, label: str, services: Services, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        with self.console.step(label) as step:
            while not ready():
                services.check()
                if time.monotonic() > deadline:
                    raise Trouble(
                        f"{label}: not ready after {READY_SECONDS} s; the reason should be in {self.logs}."
                    )
                step.tick()
                time.sleep(0.15)  # between two questions, up to the deadline above
            step.note = "ready"

    def _web_answers(self) -> bool:
        """The demo must be healthy; one's own installation may redirect to https or know other host names."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return status == http.HTTPStatus.OK if self.demo else status < http.HTTPStatus.INTERNAL_SERVER_ERROR

    def _worker_is_alive(self) -> bool:
        return self._quietly("worker", "--check").returncode == 0


def _embedded(stack: contextlib.ExitStack, repo: Path, console: Console) -> dict[str, str]:
    with console.step("Embedded PostgreSQL"):
        server = stack.enter_context(Server(repo))
        return surroundings.demo(server.create("careops"), repo)


def _own(console: Console, url: str) -> dict[str, str]:
    with console.step("Your PostgreSQL (DATABASE_URL)") as step:
        check_reachable(url)
        step.note = "answers"
    env = surroundings.own_installation()
    console.say(
        "DATABASE_URL is set: no demo clinic, no demo logins; make the first with manage.py createsuperuser."
    )
    if not _on(env, "DEBUG") and not _on(env, "BEHIND_TLS_PROXY"):
        console.say("Pages insist on https: put a TLS proxy in front and set BEHIND_TLS_PROXY=1.")
    return env


def _on(env: dict[str, str], name: str) -> bool:
    return env.get(name, "").lower() in {"true", "on", "ok", "y", "yes", "1"}


def _free_port() -> int:
    """Find out now: gunicorn would only say so in its log, after the migrations."""
    text = os.environ.get("PORT", "8000")
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Trouble(f"PORT must be a number between 1 and 65535, not {text!r}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(text)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Trouble(
                    f"Port {text} cannot be used ({error.strerror}): choose another, PORT=8001 make run."
                ) from error
            raise Trouble(
                f"Port {text} is in use: stop what listens there, or choose another, PORT=8001 make run."
            ) from error
    return int(text)
