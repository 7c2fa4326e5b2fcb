"""How the engine tells people that something needs them: a task for operations, no automation involved."""

from __future__ import annotations

from django.db import models

from patients.models import Task


def open_ops_task(*, key: str, title: str, detail: str, about: models.Model | None = None) -> None:
    """Open one task per key, unless one is open already: once it is over, a new alarm is a new task."""
    task = Task(
        title=title[:200],
        description=detail,
        role="ops admin",
        priority=Task.Priority.HIGH,
        dedupe_key=f"alert:{key}"[:200],
        patient_id=getattr(about, "patient_id", None),
    )
    task.about = about
    Task.open_once(task)
