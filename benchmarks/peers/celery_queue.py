"""Fill Celery's queue while nobody reads it, then open it: ``python -m benchmarks.peers.celery_queue 5000``.

Prints the moment it was opened, in seconds since 1970.
"""

from __future__ import annotations

import sys
import time

from benchmarks.peers import WARM
from benchmarks.peers.celery_app import app, connection, insert_row
from benchmarks.waiting import eventually

QUEUE = "celery"
WARMING = 40


def _wait_for_the_warm_ones() -> None:
    """Until they are done: then every process of the worker has its connection, and is idle."""
    eventually("the worker does its first tasks", _are_done, 30)


def _are_done() -> bool:
    found = connection().execute("SELECT count(*) FROM bench_row WHERE number < 0").fetchone()
    return found == (WARMING,)


def main(count: int) -> None:
    for number in range(WARMING):
        insert_row.apply_async((-number - 1,), queue=WARM)
    for number in range(count):
        insert_row.apply_async((number,), queue=QUEUE)
    _wait_for_the_warm_ones()
    opened = time.time()
    app.control.add_consumer(QUEUE)
    sys.stdout.write(f"{opened}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
