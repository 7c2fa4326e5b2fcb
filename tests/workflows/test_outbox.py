"""Deliveries stand in line by receiver: one that is slow stops nobody else, and what cannot be begun is given back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest

from workflows import outbox as module
from workflows.catalogue.ports import Fate, Sent, channels
from workflows.models import Delivery
from workflows.outbox import PER_RECEIVER, SIDE_BY_SIDE, Outbox


@dataclass
class Line:
    """A channel that does whatever its request says."""

    name: str
    at_most_once: bool = False
    delays: tuple[int, ...] = (1,)

    def prepare(self, delivery: Any) -> Any:
        return None

    def send(self, request: Callable[[], object]) -> Sent:
        request()
        return Sent(Fate.SENT)

    def settle(self, delivery: Any, sent: Sent, *, final: bool) -> None:
        pass


@pytest.fixture
def gate() -> Event:
    """What those wait for who do not answer."""
    return Event()


@pytest.fixture
def outbox(gate: Event) -> Iterator[Outbox]:
    with (
        channels.temporarily(Line("quick"), Line("slow"), Line("once", at_most_once=True)),
        ThreadPoolExecutor(SIDE_BY_SIDE) as pool,
    ):
        try:
            yield Outbox(pool)
        finally:
            gate.set()


def put(outbox: Outbox, channel: str, number: int, request: Callable[[], object]) -> None:
    outbox.put((Delivery(channel=channel), request) for _one in range(number))


def answered(outbox: Outbox, number: int) -> list[str]:
    """Whose answers came, once there are so many."""
    found: list[str] = []
    ends = time.monotonic() + 10
    while len(found) < number:
        assert time.monotonic() < ends, found
        outbox.hurry()
        found += [row.channel for row, _sent in outbox.answers(0.02)]
    return found


def test_a_receiver_that_does_not_answer_stops_nobody_else(outbox: Outbox, gate: Event) -> None:
    put(outbox, "slow", 3, gate.wait)
    put(outbox, "quick", 20, lambda: None)
    assert answered(outbox, 20) == ["quick"] * 20
    assert len(outbox) == 3
    gate.set()
    assert answered(outbox, 3) == ["slow"] * 3
    assert (len(outbox), outbox.room()) == (0, SIDE_BY_SIDE)


def test_a_receiver_gets_its_share_of_the_threads_and_no_more(outbox: Outbox, gate: Event) -> None:
    begun: list[int] = []
    put(outbox, "slow", PER_RECEIVER + 5, lambda: (begun.append(1), gate.wait()))
    ends = time.monotonic() + 10
    while len(begun) < PER_RECEIVER:
        assert time.monotonic() < ends
        outbox.hurry()
    while (
        outbox.room() < SIDE_BY_SIDE - PER_RECEIVER
    ):  # threads that found nothing they may do have gone home
        assert time.monotonic() < ends
    outbox.hurry()
    assert len(begun) == PER_RECEIVER
    assert outbox.closed() == {"slow"}
    gate.set()
    answered(outbox, PER_RECEIVER + 5)


def test_what_could_not_be_begun_is_given_back_and_nothing_more_is_claimed_ahead(
    outbox: Outbox, gate: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEGIN_SECONDS", 0.0)
    put(outbox, "slow", 1, gate.wait)
    assert [row.channel for row in outbox.take_back()] == ["slow"]
    assert (len(outbox), outbox.slow()) == (0, {})  # nothing of it is under way: it may simply be new
    monkeypatch.setattr(module, "BEGIN_SECONDS", 60.0)
    put(outbox, "slow", 1, gate.wait)
    ends = time.monotonic() + 10
    while outbox.in_line():
        assert time.monotonic() < ends
    monkeypatch.setattr(module, "BEGIN_SECONDS", 0.0)
    put(outbox, "slow", 4, gate.wait)
    assert len(outbox.take_back()) == 4
    assert outbox.slow() == {"slow": PER_RECEIVER - 1}
    assert outbox.closed() == {"slow"}
    gate.set()
    answered(outbox, 1)
    assert (outbox.slow(), outbox.closed(), len(outbox)) == ({}, set(), 0)


def test_what_must_not_be_sent_twice_is_counted_and_never_given_back(
    outbox: Outbox, gate: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEGIN_SECONDS", 0.0)
    put(outbox, "once", 1, gate.wait)
    assert outbox.take_back() == []
    assert outbox.only_once == 1
    gate.set()
    answered(outbox, 1)
    assert outbox.only_once == 0


@pytest.mark.parametrize(("channel", "fate"), [("quick", Fate.LATER), ("once", Fate.UNKNOWN)])
def test_a_channel_that_breaks_is_an_answer_too(outbox: Outbox, channel: str, fate: Fate) -> None:
    def break_down() -> None:
        raise ZeroDivisionError

    put(outbox, channel, 1, break_down)
    ends = time.monotonic() + 10
    while not outbox.answered():
        assert time.monotonic() < ends
    [(_row, sent)] = outbox.answers(0)
    assert (sent.fate, sent.detail) == (fate, "ZeroDivisionError")
