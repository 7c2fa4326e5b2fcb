"""Keep one worker group alive: a qcluster in a process group of its own, and a turn of every lane in circulation.

Killed workers can hang django-q2 for ever, and its own guard does not notice (reliability study A2, A3, A14). So this
process trusts only what drains write into the database: a lane of ours that gave no sign of life for a while means the
whole process group is killed and started anew. Work under way is covered by leases.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from threading import Event
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections
from django_q.models import OrmQ

from careops.lib.clock import RealNow
from workflows.engine.drain import LANES
from workflows.models import Drainer

log = logging.getLogger(__name__)

#: A drain writes a sign of life about every second.
ALIVE = timedelta(seconds=15)
#: Before a lane that is missing is asked for again.
PATIENCE = 5.0
LOOK_EVERY = 1.0
FAREWELL = 10.0


class Command(BaseCommand):
    help = "Run one worker group: django-q2's cluster, supervised. Start as many as there are machines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="Only say whether some drain is alive (exit code)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            if not Drainer.objects.filter(seen_at__gte=RealNow() - ALIVE).exists():
                raise CommandError("No drain has given a sign of life.")
            self.stdout.write("Drains are alive.")
            return
        Supervisor().run()


class Supervisor:
    """Starts the cluster, watches its lanes, ends it."""

    def __init__(self) -> None:
        self.group = os.environ.setdefault("CAREOPS_WORKER_GROUP", f"w{secrets.token_hex(4)}")
        settings.Q_CLUSTER["cluster_name"] = self.group
        self.cluster: subprocess.Popen[bytes] | None = None
        self.heard: dict[str, float] = {}
        self.asked: dict[str, float] = {}
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
        if self.cluster is None or self.cluster.poll() is not None:
            self._start()
        try:
            close_old_connections()
            self._keep_in_circulation()
        except (OperationalError, InterfaceError) as error:
            log.warning("The database does not answer (%s); looking again.", type(error).__name__)
            self.heard = dict.fromkeys(LANES, monotonic())

    def _start(self) -> None:
        self._end()
        OrmQ.objects.filter(key=self.group).delete()
        command = [sys.executable, sys.argv[0], "qcluster"]
        self.cluster = subprocess.Popen(command, start_new_session=True)  # noqa: S603  (our own command line)
        self.heard, self.asked = dict.fromkeys(LANES, monotonic()), {}
        log.info("Worker group %s started its cluster, process group %d.", self.group, self.cluster.pid)

    def _keep_in_circulation(self) -> None:
        from workflows.tasks import ask

        alive = set(
            Drainer.objects.filter(
                name__contains=f":{self.group}:", seen_at__gte=RealNow() - ALIVE
            ).values_list("lane", flat=True)
        )
        for lane in LANES:
            if lane in alive:
                self.heard[lane] = monotonic()
            elif monotonic() - self.asked.get(lane, float("-inf")) > PATIENCE:
                self.asked[lane] = monotonic()
                ask(lane)
        silent = [
            lane for lane, when in self.heard.items() if monotonic() - when > settings.ENGINE["STALL_SECONDS"]
        ]
        if silent:
            log.error("Lanes %s are silent; the cluster is killed and started anew.", ", ".join(silent))
            self._start()

    def _end(self) -> None:
        """Ask the cluster to end, then end everything of its process group."""
        if self.cluster is None:
            return
        with suppress(ProcessLookupError):
            if self.leaving.is_set():
                os.killpg(self.cluster.pid, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    self.cluster.wait(FAREWELL)
            os.killpg(self.cluster.pid, signal.SIGKILL)
        self.cluster.wait()
        Drainer.objects.filter(name__contains=f":{self.group}:").delete()
        self.cluster = None
