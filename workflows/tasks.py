"""What django-q2 runs: "drain this lane", again and again. Losing or doubling such a task changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection, transaction
from django_q.tasks import async_task

from careops.lib import clock
from workflows.engine.drain import alive, worker_name
from workflows.engine.drain import drain as work_through
from workflows.models import Drainer

#: The first half of the advisory lock's number, "careops turns"; the other one is the worker group's.
LOCK = 0x0CA2E702


def drain(lane: str) -> int:
    """Work through the lane for a while, then ask for the next turn. A lane that falls silent is started again by
    ``manage.py worker``."""
    with turn(lane) as mine:
        return work_through(lane) if mine else 0


@contextmanager
def turn(lane: str) -> Iterator[bool]:
    """This process's turn at the lane, if nobody else of its worker group has one.

    A turn too many (asked for twice, or handed out again by django-q2) ends at once and asks for none: otherwise there
    would be more and more of them, and the other lanes would wait for theirs. Two that begin at the same moment are told
    apart by a lock; without it both went on, asked for the next one together, and the lane left out stood still.
    """
    worker, group = worker_name(lane), settings.Q_CLUSTER["cluster_name"]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCK, group])
        mine = not alive(group).filter(lane=lane).exists()
        if mine:
            # A row of that name may be left from a process that died and whose number is ours now.
            Drainer.objects.update_or_create(
                pk=worker, defaults={"lane": lane, "idle": False, "seen_at": clock.RealNow()}
            )
    try:
        yield mine
    finally:
        if mine:
            if (
                not connection.is_usable()
            ):  # it may be what ended the turn; the lane must not stand still for that
                connection.close()
            Drainer.objects.filter(pk=worker).delete()
            ask(lane)


def ask(lane: str) -> None:
    """Put one turn for the lane into this worker group's own queue."""
    async_task("workflows.tasks.drain", lane, cluster=settings.Q_CLUSTER["cluster_name"])
