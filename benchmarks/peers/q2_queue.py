"""Put tasks into django-q2's queue, all at once: ``python -m benchmarks.peers.q2_queue 5000``.

Prints the moment they were committed, in seconds since 1970.
"""

from __future__ import annotations

import sys
import time

import django


def insert_row(number: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (number) VALUES (%s)", [number])


def main(count: int) -> None:
    django.setup()
    from django.db import transaction
    from django_q.tasks import async_task

    with transaction.atomic():
        for number in range(count):
            async_task("benchmarks.peers.q2_queue.insert_row", number)
    sys.stdout.write(f"{time.time()}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
