"""Side by side: a slow receiver waits for itself alone, nothing stands in line for long, and what may not be repeated
is never given back. The threads are played by the test, and so is the clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.workflows.support import Threads
from workflows import outbox
from workflows.catalogue import Fate, Sent, channels
from workflows.models import Delivery
from workflows.outbox import (
    AT_ONCE,
    BEGIN_SECONDS,
    ENOUGH,
    PATIENCE,
    PER_RECEIVER,
    SIDE_BY_SIDE,
    SLOW_SECONDS,
    Outbox,
)

NORTH, SOUTH = UUID(int=1), UUID(int=2)


class Pigeon:
    delays = (1,)

    def __init__(self, name: str, *, at_most_once: bool = False) -> None:
        self.name, self.at_most_once = name, at_most_once
        self.sent: list[Any] = []

    def prepare(self, delivery: Any) -> Any:
        return delivery

    def send(self, prepared: Any) -> Sent:
        if isinstance(prepared, Exception):
            raise prepared
        self.sent.append(prepared)
        return Sent(Fate.SENT)

    def settle(self, delivery: Any, sent: Sent, *, final: bool) -> None:
        pass


@pytest.fixture
def pigeon() -> Iterator[Pigeon]:
    with channels.temporarily(bird := Pigeon("pigeon")):
        yield bird


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its only entry is the time."""
    now = [1000.0]
    monkeypatch.setattr(outbox, "monotonic", lambda: now[0])
    return now


def deliveries(number: int, to: UUID | None, channel: str = "pigeon") -> list[tuple[Delivery, Any]]:
    return [(Delivery(pk=place, channel=channel, endpoint_id=to), (to, place)) for place in range(number)]


def begin(box: Outbox, number: int) -> list[Any]:
    """So many threads take one delivery each and wait for its answer."""
    return [box._next() for _thread in range(number)]


def test_one_receiver_gets_its_share_and_the_others_theirs(pigeon, clock):
    box = Outbox(Threads())
    box.put(deliveries(SIDE_BY_SIDE, NORTH))
    box.put(deliveries(4, SOUTH))
    begun = begin(box, SIDE_BY_SIDE)
    to = [outbox.receiver(ready.row) for ready in begun if ready]
    assert (to.count(str(NORTH)), to.count(str(SOUTH))) == (PER_RECEIVER, 4)


def test_receivers_are_served_in_turn(pigeon, clock):
    threads = Threads()
    box = Outbox(threads)
    box.put(deliveries(3, NORTH))
    box.put(deliveries(2, SOUTH))
    threads.run()
    assert pigeon.sent == [(NORTH, 0), (SOUTH, 0), (NORTH, 1), (SOUTH, 1), (NORTH, 2)]
    assert [sent.fate for _row, sent in box.answers(0)] == [Fate.SENT] * 5
    assert (len(box), box.room()) == (0, SIDE_BY_SIDE)


def test_a_line_that_moves_gets_few_threads_and_one_that_stands_twice_as_many_each_time(pigeon, clock):
    threads = Threads()
    box = Outbox(threads)
    box.put(deliveries(ENOUGH * 2, NORTH))
    started = [len(threads.waiting)]
    for _look in range(4):
        begin(box, len(threads.waiting))
        threads.waiting.clear()
        box.hurry()  # too early
        assert threads.waiting == []
        clock[0] += 1.1 * PATIENCE
        box.hurry()
        started.append(len(threads.waiting))
    assert started == [AT_ONCE, 2, 4, 8, 16]


def test_a_single_delivery_gets_a_thread_at_once_though_all_others_wait_for_an_answer(pigeon, clock):
    threads = Threads()
    box = Outbox(threads)
    for _delivery in range(3):
        box.put(deliveries(1, NORTH))
        assert len(threads.waiting) == 1
        assert begin(box, 1) != [None]
        threads.waiting.clear()


def test_no_more_threads_are_started_than_there_are(pigeon, clock):
    threads = Threads()
    box = Outbox(threads)
    for number in range(SIDE_BY_SIDE):
        box.put(deliveries(2, UUID(int=number)))
    assert (len(threads.waiting), box.room()) == (SIDE_BY_SIDE, 0)


def test_what_stood_in_line_for_too_long_is_not_begun_but_taken_back(pigeon, clock):
    box = Outbox(Threads())
    box.put(deliveries(5, NORTH))
    begun = begin(box, 2)
    clock[0] += BEGIN_SECONDS
    assert [ready.row.pk for ready in begun] == [0, 1]
    assert begin(box, 1) == [None]
    assert [row.pk for row in box.take_back()] == [2, 3, 4]
    assert (box.take_back(), len(box), box.in_line()) == ([], 2, 0)


def test_nothing_is_claimed_ahead_for_a_slow_receiver_for_a_while(pigeon, clock):
    box = Outbox(Threads())
    box.put(deliveries(PER_RECEIVER + 1, NORTH))
    begin(box, PER_RECEIVER)
    clock[0] += BEGIN_SECONDS
    box.take_back()
    assert (box.closed(), box.slow()) == ({str(NORTH)}, {})  # its share is out
    for _answer in range(3):
        box._next(str(NORTH))
    assert (box.closed(), box.slow()) == ({str(NORTH)}, {str(NORTH): 3})
    for _answer in range(PER_RECEIVER - 3):
        box._next(str(NORTH))
    assert (box.closed(), box.slow()) == ({str(NORTH)}, {str(NORTH): PER_RECEIVER})
    clock[0] += SLOW_SECONDS
    assert box.take_back() == []
    assert (box.closed(), box.slow()) == (set(), {})


def test_what_comes_for_a_slow_receiver_gets_a_thread_each_at_once(pigeon, clock):
    threads = Threads()
    box = Outbox(threads)
    box.put(deliveries(AT_ONCE + 5, NORTH))
    begin(box, AT_ONCE)
    clock[0] += BEGIN_SECONDS
    assert len(box.take_back()) == 5
    threads.waiting.clear()
    box.put(deliveries(5, NORTH))
    assert len(threads.waiting) == 5


def test_a_receiver_that_waited_for_threads_alone_is_not_called_slow(pigeon, clock):
    box = Outbox(Threads())
    box.put(deliveries(3, NORTH))
    clock[0] += BEGIN_SECONDS
    assert len(box.take_back()) == 3
    assert (box.closed(), box.slow()) == (set(), {})


def test_a_receiver_with_enough_in_line_gets_no_more(pigeon, clock):
    box = Outbox(Threads())
    box.put([*deliveries(ENOUGH, NORTH), *deliveries(ENOUGH - 1, SOUTH)])
    assert box.closed() == {str(NORTH)}


@pytest.fixture
def letter() -> Iterator[Pigeon]:
    with channels.temporarily(bird := Pigeon("letter", at_most_once=True)):
        yield bird


def test_what_must_not_be_sent_twice_goes_first(pigeon, letter, clock):
    box = Outbox(Threads())
    box.put(deliveries(2, NORTH))
    box.put(deliveries(1, None, "letter"))
    assert box.only_once == 1
    box._send_in_a_row()
    assert [row.channel for row, _sent in box.answers(0)] == ["letter", "pigeon", "pigeon"]
    assert box.only_once == 0


def test_what_must_not_be_sent_twice_is_never_taken_back(pigeon, letter, clock):
    box = Outbox(Threads())
    box.put([*deliveries(1, NORTH), *deliveries(1, None, "letter")])
    clock[0] += 10 * BEGIN_SECONDS
    assert [row.channel for row in box.take_back()] == ["pigeon"]
    box._send_in_a_row()
    assert letter.sent == [(None, 0)]


@pytest.mark.parametrize(("at_most_once", "fate"), [(True, Fate.UNKNOWN), (False, Fate.LATER)])
def test_a_bug_in_a_channel_is_an_answer_and_the_thread_goes_on(at_most_once, fate):
    with channels.temporarily(Pigeon("pigeon", at_most_once=at_most_once)):
        threads = Threads()
        box = Outbox(threads)
        box.put([(Delivery(channel="pigeon"), ZeroDivisionError()), *deliveries(1, None)])
        threads.run()
        assert [sent for _row, sent in box.answers(0)] == [Sent(fate, "ZeroDivisionError"), Sent(Fate.SENT)]
