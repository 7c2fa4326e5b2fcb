"""Fill Celery's queue while nobody reads it, then open it: ``python -m benchmarks.peers.celery_queue 5000``.

Prints the moment it was opened, in seconds since 1970.
"""

from __future__ import annotations

import sys
import time

from benchmarks.peers import WARM
from benchmarks.peers.celery_app import app, connection, insert_row

QUEUE = "celery"
WARMING = 40


def _wait_for_the_warm_ones() -> None:
    """Until they are done: then every process of the worker has its connection, and is idle."""
    ends = time.monotonic() + 30
    while connection().execute("SELECT count(*) FROM bench_row WHERE number < 0").fetchone() != (WARMING,):
        if time.monotonic() > ends:
            raise TimeoutError("The worker did not do its first tasks within 30 s.")
        time.sleep(0.05)  # between two looks, up to the deadline


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
