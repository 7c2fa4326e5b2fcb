"""Waiting for others: until something is true, or until many things are done. Peers wait so, too: no Django here."""

from __future__ import annotations

import time
from collections.abc import Callable

START_SECONDS = 180.0


def eventually(what: str, happens: Callable[[], object], seconds: float = START_SECONDS) -> None:
    """Wait until it is true. Raises TimeoutError, which says what never happened."""
    ends = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > ends:
            raise TimeoutError(f"Not within {seconds:.0f} s: {what}.")
        time.sleep(0.02)  # between two looks, up to the deadline


def watch(
    since: float, wanted: int, done: Callable[[], int], *, longest: float, every: float
) -> tuple[int, float]:
    """How many were done in how many seconds since that moment, when all are or the time is up."""
    while True:
        finished, taken = done(), time.time() - since
        if finished >= wanted or taken > longest:
            return finished, taken
        time.sleep(every)  # counting without a pause would slow what is measured
