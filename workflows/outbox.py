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
from queue import Empty, SimpleQueue
from threading import Lock
from time import monotonic
from typing import Any

from workflows.catalogue.ports import Fate, Sent, channels
from workflows.models import Delivery

log = logging.getLogger(__name__)

#: How many go out side by side from one process, and how many of them to one receiver: a slow one stops nobody else.
SIDE_BY_SIDE = 32
PER_RECEIVER = 16
#: How many are claimed for each thread that is free: that many it sends one after the other.
IN_A_ROW = 2
#: Seconds in which a delivery that was claimed is begun, or given back.
BEGIN_SECONDS = 0.25
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
        self._slow: set[str] = set()
        self._answers: SimpleQueue[tuple[Delivery, Sent]] = SimpleQueue()

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
        """Receivers that get no more for now: they have some in line, or their share is out, or they are slow."""
        with self._lock:
            full = {name for name, number in self._busy.items() if number >= PER_RECEIVER}
            return full | self._lines.keys() | self._slow

    def slow(self) -> dict[str, int]:
        """Receivers for which nothing is claimed ahead, and how many more could be begun for each at once."""
        with self._lock:
            free = {name: PER_RECEIVER - self._busy[name] for name in self._slow - self._lines.keys()}
            return {name: number for name, number in free.items() if number}

    # ── Filling ───────────────────────────────────────────────────────────────────────────────────────────
    def put(self, prepared: Iterable[tuple[Delivery, Any]]) -> None:
        """Put them in line; one thread more for each receiver, because all others may be waiting for an answer.

        An answering receiver keeps no more than one or two busy, which is quickest: threads that take turns at the
        interpreter cost more than they bring.
        """
        now, names = monotonic(), set()
        with self._lock:
            for row, request in prepared:
                names.add(name := receiver(row))
                once = channels.get(
                    row.channel
                ).at_most_once  # preparing it has left traces: it is not given back
                ready = _Ready(row, request, now, inf if once else now + BEGIN_SECONDS)
                self._lines.setdefault(name, deque()).append(ready)
                self._out += 1
                self.only_once += once
            self._start(len(names))

    def hurry(self) -> None:
        """Twice as many threads for a line that stands still."""
        with self._lock:
            since = monotonic() - PATIENCE
            stuck = [name for name, line in self._lines.items() if line[0].since < since]
            self._start(sum(max(1, self._busy[name]) for name in stuck))

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
            self._slow.discard(name)

    # ── Emptying ──────────────────────────────────────────────────────────────────────────────────────────
    def answered(self) -> int:
        """How many answers wait to be written down."""
        return self._answers.qsize()

    def answers(self, seconds: float) -> list[tuple[Delivery, Sent]]:
        """What has been answered; waits so long for the first."""
        found = []
        try:
            found.append(self._answers.get(timeout=seconds) if seconds else self._answers.get_nowait())
            while True:
                found.append(self._answers.get_nowait())
        except Empty:
            self._out -= len(found)
            self.only_once -= sum(channels.get(row.channel).at_most_once for row, _sent in found)
            return found

    def take_back(self) -> list[Delivery]:
        """Those that stood in line for too long, out of it; their receivers are slow until they are idle."""
        found, now = [], monotonic()
        with self._lock:
            for name, line in list(self._lines.items()):
                while line and line[0].begin_by <= now:
                    found.append(line.popleft().row)
                    if self._busy[name]:
                        self._slow.add(name)
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
