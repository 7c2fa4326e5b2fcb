"""What one process has on its way: deliveries in line for their receivers, and the threads that send them. No database.

More are claimed at once than can be under way, because claiming is paid for by the batch. So they stand in line for a
moment, by receiver, and a thread that has its answer takes the next one. What could not be begun in that moment is
given back: its receiver is slow, and a lease must not run out in a line.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from math import inf
from queue import SimpleQueue
from threading import Event, Lock
from time import monotonic
from typing import Any

from workflows.catalogue.ports import Fate, Sent, channels
from workflows.models import Delivery

log = logging.getLogger(__name__)

#: How many go out side by side from one process, and how many of them to one receiver: a slow one stops nobody else.
SIDE_BY_SIDE = 32
PER_RECEIVER = 16
#: How many are claimed for each thread that is free: that many it sends one after the other.
IN_A_ROW = 4
#: With so many in line a receiver needs no more: its threads are busy while the next ones are claimed.
ENOUGH = 32
#: Seconds in which a delivery that was claimed is begun, or given back.
BEGIN_SECONDS = 0.25
#: Seconds for which nothing is claimed ahead for a receiver that kept its line waiting.
SLOW_SECONDS = 5.0
#: Threads that go to work on what comes into a line: while one reads an answer, the other's request is on its way. More
#: would only take turns at the interpreter.
AT_ONCE = 2
#: Seconds that a line may stand still before more threads work on it.
PATIENCE = 0.01


def receiver(row: Delivery) -> str:
    """Whose turn it is to wait when this one is slow: the endpoint, or whoever is behind the channel."""
    return str(row.endpoint_id or row.channel)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A delivery that is claimed, with what its channel needs to send it."""

    row: Delivery
    request: Any
    since: float
    begin_by: float


class Outbox:
    """Safe to share between the thread that fills it and those that empty it."""

    def __init__(self, pool: Executor) -> None:
        self._pool, self._lock = pool, Lock()
        self._lines: dict[str, deque[_Ready]] = {}
        self._busy: Counter[str] = Counter()
        self._threads = self._out = 0
        #: How many of those that are out must not be sent twice.
        self.only_once = 0
        self._slow: dict[str, float] = {}  # until when
        self._hurried: dict[str, float] = {}
        self._answers: SimpleQueue[tuple[Delivery, Sent]] = SimpleQueue()
        self._there, self._enough = Event(), 1

    def __len__(self) -> int:
        """How many are in line, under way, or answered without anybody having asked."""
        return self._out

    def in_line(self) -> int:
        """How many receivers have some in line."""
        return len(self._lines)

    # ── What may be claimed ───────────────────────────────────────────────────────────────────────────────
    def room(self) -> int:
        """How many threads are free."""
        with self._lock:
            return SIDE_BY_SIDE - self._threads

    def closed(self) -> set[str]:
        """Receivers that get no more for now: they have enough in line, or their share is out, or they are slow."""
        with self._lock:
            full = {name for name, number in self._busy.items() if number >= PER_RECEIVER}
            enough = {name for name, line in self._lines.items() if len(line) >= ENOUGH}
            return full | enough | self._slow.keys()

    def slow(self) -> dict[str, int]:
        """Receivers for which nothing is claimed ahead, and how many more could be begun for each at once."""
        with self._lock:
            free = {name: PER_RECEIVER - self._busy[name] for name in self._slow.keys() - self._lines.keys()}
            return {name: number for name, number in free.items() if number}

    # ── Filling ───────────────────────────────────────────────────────────────────────────────────────────
    def put(self, prepared: Iterable[tuple[Delivery, Any]]) -> None:
        """Put them in line, and threads to work on them: all others may be waiting for an answer."""
        now, come = monotonic(), Counter[str]()
        with self._lock:
            for row, request in prepared:
                name, once = receiver(row), channels.get(row.channel).at_most_once
                # Preparing what is sent once has left traces: it is never given back, hence the first to go.
                ready = _Ready(row, request, now, inf if once else now + BEGIN_SECONDS)
                if once:
                    self._lines = {name: deque(), **self._lines}
                self._lines.setdefault(name, deque()).append(ready)
                come[name] += 1
                self.only_once += once
            self._out += come.total()
            for name, number in come.items():
                self._start(number if name in self._slow else min(number, AT_ONCE))

    def hurry(self) -> None:
        """Twice as many threads for a line in which somebody has waited for long, and again after as long."""
        now = monotonic()
        with self._lock:
            for name, line in self._lines.items():
                since = max(line[0].since, self._hurried.get(name, 0.0))
                if now - since > PATIENCE:
                    self._hurried[name] = now
                    self._start(max(1, self._busy[name]))

    def _start(self, number: int) -> None:
        number = min(number, SIDE_BY_SIDE - self._threads)
        self._threads += number
        for _one in range(number):
            self._pool.submit(self._send_in_a_row)

    # ── In the threads ────────────────────────────────────────────────────────────────────────────────────
    def _send_in_a_row(self) -> None:
        ready = self._next()
        while ready is not None:
            self._answers.put((ready.row, _attempt(ready)))
            if self.answered() >= self._enough:
                self._there.set()
            ready = self._next(receiver(ready.row))

    def _next(self, done: str | None = None) -> _Ready | None:
        """The next one from the line that was served longest ago and may be served; None sends the thread home."""
        with self._lock:
            if done is not None:
                self._release(done)
            now = monotonic()
            for name, line in self._lines.items():
                if self._busy[name] < PER_RECEIVER and now < line[0].begin_by:
                    self._busy[name] += 1
                    ready = line.popleft()
                    del self._lines[name]
                    if line:
                        self._lines[name] = line  # to the end
                    return ready
            self._threads -= 1
            return None

    def _release(self, name: str) -> None:
        self._busy[name] -= 1
        if not self._busy[name]:
            del self._busy[name]
            self._hurried.pop(name, None)

    # ── Emptying ──────────────────────────────────────────────────────────────────────────────────────────
    def answered(self) -> int:
        """How many answers wait to be written down."""
        return self._answers.qsize()

    def answers(self, seconds: float, enough: int = 1) -> list[tuple[Delivery, Sent]]:
        """What has been answered; waits so long for so many."""
        self._enough = min(enough, self._out)
        self._there.clear()
        if self.answered() < self._enough:
            self._there.wait(seconds)
        found = [self._answers.get() for _one in range(self.answered())]
        self._out -= len(found)
        self.only_once -= sum(channels.get(row.channel).at_most_once for row, _sent in found)
        return found

    def take_back(self) -> list[Delivery]:
        """Those that stood in line for too long, out of it. Their receivers are slow, unless there was no thread."""
        found, now = [], monotonic()
        with self._lock:
            self._slow = {name: until for name, until in self._slow.items() if until > now}
            for name, line in list(self._lines.items()):
                while line and line[0].begin_by <= now:
                    found.append(line.popleft().row)
                    if self._busy[name]:
                        self._slow[name] = now + SLOW_SECONDS
                if not line:
                    del self._lines[name]
            self._out -= len(found)
        return found


def _attempt(ready: _Ready) -> Sent:
    channel = channels.get(ready.row.channel)
    try:
        return channel.send(ready.request)
    except Exception as error:  # noqa: BLE001  (a bug in a channel: whether anything left is anybody's guess)
        log.error("Delivery %s: its channel failed with %s.", ready.row.pk, type(error).__name__)
        return Sent(Fate.UNKNOWN if channel.at_most_once else Fate.LATER, type(error).__name__)
