"""Keep one worker group alive: a qcluster in a process group of its own, and a turn of every lane in circulation.

Killed workers can hang django-q2 for ever, and its own guard does not notice (reliability study A2, A3, A14). So this
process trusts only what drains write into the database: a lane of ours that gave no sign of life for a while means the
whole process group is killed and started anew. Work under way is covered by leases.
"""

from __future__ import annotations

import gc
import logging
import os
import secrets
import signal
import subprocess
import sys
from argparse import SUPPRESS
from contextlib import suppress
from threading import Event
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections
from django_q.models import OrmQ

from workflows.engine.drain import LANES, alive
from workflows.leash import leash
from workflows.models import Drainer
from workflows.tasks import ask

log = logging.getLogger(__name__)

#: Before a lane that is missing is asked for again.
PATIENCE = 5.0
LOOK_EVERY = 1.0
#: How long django-q2 needs to stop handing out turns, and the turns under way to end, before all of it is killed.
NO_MORE_TURNS = 1.0
FAREWELL = 10.0
#: A cluster that never gave a sign of life may be slow rather than dead: the next one gets twice the time for it.
LONGEST_START = 300.0


class Command(BaseCommand):
    help = "Run one worker group: django-q2's cluster, supervised. Start as many as there are machines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Only say whether some drain is alive (exit code)."
        )
        parser.add_argument("--cluster-of", type=int, metavar="PID", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            if not alive().exists():
                raise CommandError("No drain has given a sign of life.")
            self.stdout.write("Drains are alive.")
        elif options["cluster_of"]:
            leash(options["cluster_of"])
            # What is loaded by now stays, in the processes forked from this one too: a batch is a sixth quicker when
            # nobody looks through all of it for garbage every few hundred rows.
            gc.collect()
            gc.freeze()
            call_command("qcluster")
        else:
            Supervisor().run()


class Supervisor:
    """Starts the cluster, watches its lanes, ends it."""

    def __init__(self) -> None:
        self.group = os.environ.setdefault("CAREOPS_WORKER_GROUP", f"w{secrets.token_hex(4)}")
        settings.Q_CLUSTER["cluster_name"] = self.group
        self.cluster: subprocess.Popen[bytes] | None = None
        self.heard: dict[str, float] = {}
        self.asked: dict[str, float] = {}
        self.starting = True
        self.start_seconds = float(settings.ENGINE["STALL_SECONDS"])
        self.leaving = Event()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._leave)
        try:
            while not self.leaving.wait(LOOK_EVERY):
                self._look()
        finally:
            self._end()

    def _leave(self, *args: Any) -> None:
        self.leaving.set()

    def _look(self) -> None:
        try:
            close_old_connections()
            if self.cluster is None or self.cluster.poll() is not None:
                self._start()
            self._keep_in_circulation()
        except (OperationalError, InterfaceError) as error:
            log.warning("The database does not answer (%s); looking again.", type(error).__name__)
            self.heard = dict.fromkeys(LANES, monotonic())

    def _start(self) -> None:
        self._kill()
        self._forget()
        command = [sys.executable, sys.argv[0], "worker", "--cluster-of", str(os.getpid())]
        self.cluster = subprocess.Popen(command, start_new_session=True)  # noqa: S603  (our own command line)
        self.heard, self.asked, self.starting = dict.fromkeys(LANES, monotonic()), {}, True
        log.info("Worker group %s started its cluster, process group %d.", self.group, self.cluster.pid)

    def _keep_in_circulation(self) -> None:
        lanes = set(alive(self.group).values_list("lane", flat=True))
        if self.starting and lanes:
            self.heard, self.starting = dict.fromkeys(LANES, monotonic()), False
        for lane in LANES:
            if lane in lanes:
                self.heard[lane] = monotonic()
            elif monotonic() - self.asked.get(lane, float("-inf")) > PATIENCE:
                self.asked[lane] = monotonic()
                ask(lane)
        patience = self.start_seconds if self.starting else settings.ENGINE["STALL_SECONDS"]
        silent = [lane for lane, when in self.heard.items() if monotonic() - when > patience]
        if silent:
            log.error("Lanes %s are silent; the cluster is killed and started anew.", ", ".join(silent))
            if self.starting:
                self.start_seconds = min(2 * self.start_seconds, LONGEST_START)
            self._start()

    def _end(self) -> None:
        """Let the cluster end: first no more turns, then the ones under way are sent home, then whatever is left dies."""
        if self.cluster is not None:
            self.cluster.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.cluster.wait(NO_MORE_TURNS)
            with suppress(OperationalError, InterfaceError):
                self._forget()
            with suppress(subprocess.TimeoutExpired):
                self.cluster.wait(FAREWELL)
        self._kill()
        with suppress(OperationalError, InterfaceError):
            self._forget()

    def _kill(self) -> None:
        """End every process of the cluster at once."""
        if self.cluster is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.cluster.pid, signal.SIGKILL)
            self.cluster.wait()
            self.cluster = None

    def _forget(self) -> None:
        """No turn is waiting, and no drain is at work: one that finds itself gone ends."""
        OrmQ.objects.filter(key=self.group).delete()
        Drainer.objects.filter(name__contains=f":{self.group}:").delete()
