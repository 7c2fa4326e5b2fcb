"""What django-q2 runs: "drain this lane", again and again. Losing or doubling such a task changes nothing."""

from __future__ import annotations

from django.conf import settings
from django_q.tasks import async_task

from workflows.engine.drain import alive
from workflows.engine.drain import drain as work_through


def drain(lane: str) -> int:
    """Work through the lane for a while, then ask for the next turn. A lane that falls silent is started again by
    ``manage.py worker``.

    A turn too many (asked for twice, or handed out again by django-q2) ends at once and asks for none: otherwise
    there would be more and more of them, and the other lanes would wait for theirs.
    """
    if alive(settings.Q_CLUSTER["cluster_name"]).filter(lane=lane).exists():
        return 0
    try:
        return work_through(lane)
    finally:
        ask(lane)


def ask(lane: str) -> None:
    """Put one turn for the lane into this worker group's own queue."""
    async_task("workflows.tasks.drain", lane, cluster=settings.Q_CLUSTER["cluster_name"])
