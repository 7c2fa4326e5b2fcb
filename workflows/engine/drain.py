"""Draining: dispatch, read, carry out, send, again and again, until the time is up. Safe to run any number of times.

A drain carries no business arguments. It sleeps on LISTEN when there is nothing to do, says so in the table so that
writers know to wake it, and looks again on its own: at once, after 20, 100 and 300 ms (an event whose writer looked just
before the drain lay down) and then every second.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain, repeat
from time import monotonic

import psycopg
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from careops.lib import clock
from workflows.engine import following, inbound, steps
from workflows.engine.advance import after_death
from workflows.engine.alarm import message_is_dead
from workflows.engine.dispatch import dispatch_for
from workflows.engine.lookout import Ahead, Lookout, lookout
from workflows.models import Drainer, EventBatch, InboundMessage, Lane, QueueState, StepRun
from workflows.models.lease import reap
from workflows.models.queue import new_bell
from workflows.senders import SIDE_BY_SIDE, Sender, reap_lost

#: Which lanes a drain works on, most urgent first. "send" does nothing but talk to the world.
LANES: dict[str, tuple[str, ...]] = {
    "interactive": (Lane.INTERACTIVE,),
    "default": (Lane.INTERACTIVE, Lane.DEFAULT),
    "bulk": (Lane.INTERACTIVE, Lane.DEFAULT, Lane.BULK),
    "send": (Lane.INTERACTIVE, Lane.DEFAULT, Lane.BULK),
}
LOOK_AGAIN = (0.0, 0.02, 0.1, 0.3)
POLL_SECONDS = 1.0
REAP_SECONDS = 1.0
#: No statement of the engine may outlive its lease, nor last as long as the silence that counts as death (half of
#: CAREOPS_STALL_SECONDS).
STATEMENT_TIMEOUT = "12s"


def worker_name(lane: str) -> str:
    """Who works: host, process and lane, as shown on the run page."""
    group = os.environ.get("CAREOPS_WORKER_GROUP", "")
    return f"{socket.gethostname()[:30]}:{group or os.getpid()}:{os.getpid()}:{lane}"


def alive(group: str = "") -> QuerySet[Drainer]:
    """The drains that gave a sign of life lately: those of one worker group, or of all of them."""
    lately = clock.RealNow() - timedelta(seconds=settings.ENGINE["STALL_SECONDS"] / 2)
    found = Drainer.objects.filter(seen_at__gte=lately)
    return found.filter(name__contains=f":{group}:") if group else found


def drain(lane: str, *, seconds: float | None = None, until_empty: bool = False) -> int:
    """Work through a lane for so many seconds, or until nothing is due. Returns how much was done.

    Raises KeyError for an unknown lane, OperationalError when the database goes away; whoever called starts it again.
    """
    lanes = LANES[lane]
    worker = worker_name(lane)
    done = 0
    bell = new_bell()
    with (
        _listening(bell) as ring,
        _registered(worker, lane, bell),
        _bounded(),
        lookout(worker, lane, lanes) as look,
        ThreadPoolExecutor(SIDE_BY_SIDE) as pool,
    ):
        ends = monotonic() + (turn_seconds() if seconds is None else seconds)
        rounds = _Rounds(lane, lanes, worker, look, pool, ends)
        while rounds.seconds_left() > 0:
            worked = rounds.run()
            done += worked
            if not worked:
                if until_empty:
                    break
                _rest(rounds, ring)
        rounds.sender.finish(lambda: look(False))
    return done


def turn_seconds() -> float:
    """How long a turn lasts. The lanes' turns begin together; if they also ended together, nobody would be at work for
    the quarter of a second that django-q2 needs to hand out the next ones."""
    return float(settings.ENGINE["DRAIN_SECONDS"]) * random.uniform(0.7, 1.0)  # noqa: S311  (protects nothing)


class _Rounds:
    """One look at everything the lane may do after the other; reaping only once in a while."""

    def __init__(
        self, lane: str, lanes: tuple[str, ...], worker: str, look: Lookout, pool: Executor, ends: float
    ) -> None:
        self.lane, self.lanes, self.worker, self.look, self.ends = lane, lanes, worker, look, ends
        self.sender = Sender(worker, pool)
        self.reaped = float("-inf")

    def seconds_left(self) -> float:
        return self.ends - monotonic()

    def run(self, *, idle: bool = False) -> int:
        """Do some of what there is to do, the most urgent first. Returns how much was done."""
        clock.follow_demo()
        worked = self._reap()
        ahead = self.look(idle)
        if ahead is None:  # somebody struck this drain off: it goes home
            self.ends = float("-inf")
            return worked
        if self.lane == "send":
            return worked + self._send(ahead)
        if ahead.events and not ahead.batches:
            worked += self._dispatch()
        elif ahead.batches:
            worked += following.work(self.worker)
        for lane in self.lanes:
            if lane in ahead.messages:
                worked += inbound.work(lane, self.worker)
            if lane in ahead.rows:
                worked += steps.work(lane, self.worker)
        return worked

    def _dispatch(self) -> int:
        """Number what is new, and act upon the first of it. Quiet events are work too, though they hand over nothing."""
        numbered, mine = dispatch_for(self.worker)
        if mine is None:  # all quiet, or another process is at it and may have handed over by now
            return numbered + following.work(self.worker)
        following.follow(mine)
        return numbered

    def _send(self, ahead: Ahead) -> int:
        worked = sum(self.sender.work(lane) for lane in self.lanes) if ahead.rows else 0
        return worked or self.sender.linger()

    def _reap(self) -> int:
        if monotonic() - self.reaped < REAP_SECONDS:
            return 0
        self.reaped = monotonic()
        if self.lane == "send":
            return reap_lost()
        with (
            transaction.atomic()
        ):  # a step must not be dead without its run ending and somebody hearing of it
            lost = reap(StepRun)
            for row in lost:
                if row.state == QueueState.FAILED:
                    after_death(row)
            batches = reap(EventBatch)
            following.give_up(batches)
            messages = reap(InboundMessage)
            for message in messages:
                if message.state == QueueState.FAILED:
                    message_is_dead(message)
        return len(lost) + len(batches) + len(messages)


def _rest(rounds: _Rounds, ring: Callable[[float], bool]) -> None:
    """Lie down until somebody rings or it is time to look."""
    for pause in chain(LOOK_AGAIN, repeat(POLL_SECONDS)):
        if rounds.run(idle=True) or ring(min(pause, rounds.seconds_left())) or rounds.seconds_left() <= 0:
            return


@contextmanager
def _registered(worker: str, lane: str, bell: str) -> Iterator[None]:
    Drainer.objects.update_or_create(
        pk=worker, defaults={"lane": lane, "bell": bell, "idle": False, "seen_at": clock.RealNow()}
    )
    with connection.cursor() as cursor:  # drains that died without a word
        cursor.execute(
            "DELETE FROM workflows_drainer WHERE name IN (SELECT name FROM workflows_drainer "
            "WHERE seen_at < statement_timestamp() - interval '2 minutes' FOR UPDATE SKIP LOCKED)"
        )
    try:
        yield
    finally:
        Drainer.objects.filter(pk=worker).delete()


@contextmanager
def _bounded() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [STATEMENT_TIMEOUT])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', '0', false)")


@contextmanager
def _listening(bell: str) -> Iterator[Callable[[float], bool]]:
    """A session of its own that LISTENs; ``ring(seconds)`` waits that long and says whether somebody called."""
    parameters = connection.get_connection_params()
    keys = {"host", "port", "user", "password", "dbname", "sslmode", "sslrootcert"}
    target = settings.DATABASE_LISTEN_URL or psycopg.conninfo.make_conninfo(
        "", **{key: value for key, value in parameters.items() if key in keys}
    )
    with psycopg.connect(target, autocommit=True) as listening:
        listening.execute(f"LISTEN {bell}")

        def ring(seconds: float) -> bool:
            return any(True for _call in listening.notifies(timeout=max(seconds, 0), stop_after=1))

        yield ring
