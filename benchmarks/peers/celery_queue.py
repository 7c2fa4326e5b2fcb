"""Fill Celery's queue while nobody reads it, then open it: ``python -m benchmarks.peers.celery_queue 5000``.

Prints the moment it was opened, in seconds since 1970.
"""

from __future__ import annotations

import sys
import time

from benchmarks.peers import WARM
from benchmarks.peers.celery_app import app, insert_row

QUEUE = "celery"


def main(count: int) -> None:
    for number in range(40):
        insert_row.apply_async((-number - 1,), queue=WARM)
    for number in range(count):
        insert_row.apply_async((number,), queue=QUEUE)
    time.sleep(1.0)  # the warm ones are done, and the worker is idle
    opened = time.time()
    app.control.add_consumer(QUEUE)
    sys.stdout.write(f"{opened}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
