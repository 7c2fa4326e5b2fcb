"""Identifiers that sort by time of creation."""

import os
import secrets
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0  # the 122 bits of the newest identifier that are not version and variant


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of Unix milliseconds, 74 random bits.

    Later calls in this process give greater values, also within one millisecond and when the clock is set
    back: then the newest value is raised by a random step of up to 2⁶⁴ (RFC 9562 §6.2, method 2).
    """
    global _last
    fresh = (time.time_ns() // 1_000_000 << 74) | secrets.randbits(74)
    with _lock:
        if fresh >> 74 <= _last >> 74:
            fresh = _last + 1 + secrets.randbits(64)
        _last = fresh
    milliseconds, high, low = fresh >> 74, fresh >> 62 & 0xFFF, fresh & (1 << 62) - 1
    return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def _start_anew() -> None:
    """After a fork: the lock may have been held, and the parent goes on counting from the same value."""
    global _lock, _last
    _lock, _last = threading.Lock(), 0


os.register_at_fork(after_in_child=_start_anew)
