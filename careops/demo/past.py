"""Living through the past: the demo's records were changed when their history says, by the people it names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from careops.access.actor import Actor
from careops.lib import clock
from workflows.catalogue import acting


@contextmanager
def back_then(*, days: float, by: Actor) -> Iterator[None]:
    """Inside the block it is that many days ago, and whatever happens is that person's doing.

    Events stay quiet: nobody is written to today because of what happened then.
    """
    before = clock.current_shift()
    clock.shift(before - timedelta(days=days))
    with acting(by, quiet=True):
        yield
    clock.shift(before)  # not in a finally: after an error the transaction rolls the setting back itself
