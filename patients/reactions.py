"""What follows from an event whatever the automations say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from careops.access.actor import ActorKind
from patients import events
from patients.models import Notification, Task
from workflows.catalogue import Reaction, Step, reactions


def assigned(tasks: Collection[UUID]) -> Collection[UUID]:
    """Those of the tasks that are somebody's."""
    return Task.objects.filter(pk__in=tasks, assignee__isnull=False).values_list("pk", flat=True)


def notify_assignee(steps: Sequence[Step]) -> Sequence[Mapping[str, Any] | None]:
    """Tell the assignee of each task that it is theirs, unless they took it themselves."""
    wanted = {}
    for step in steps:
        task: Any = step.subject()
        if task.assignee_id is not None and not _is_by(step.event, task.assignee_id):
            wanted[_origin(step)] = (step, task)
    known = Notification.objects.filter(origin__in=wanted)
    told = {notification.origin: notification for notification in known}
    missing = [(step, task) for origin, (step, task) in wanted.items() if origin not in told]
    written = Notification.create_many(
        [_notification(step, task) for step, task in missing], causes=[step.cause for step, _task in missing]
    )
    told |= {notification.origin: notification for notification in written}
    return [_reference(told.get(_origin(step))) for step in steps]


def _origin(step: Step) -> str:
    return f"assigned:{step.event.uid}"


def _notification(step: Step, task: Task) -> Notification:
    notification = Notification(
        user_id=task.assignee_id,
        patient_id=task.patient_id,
        title=gettext("A task for you: %(title)s") % {"title": task.title[:180]},
        origin=_origin(step),
    )
    notification.about = task
    return notification


def _reference(notification: Notification | None) -> Mapping[str, Any] | None:
    return {"type": Notification._meta.label, "id": str(notification.pk)} if notification else None


def _is_by(event: Any, user_id: int) -> bool:
    return event.actor_kind == ActorKind.STAFF and event.actor_id == str(user_id)


reactions.add(
    Reaction(
        name="notify_assignee",
        says=_("Tell the assignee about their new task"),
        on=(events.TASK_CREATED, events.TASK_ASSIGNED),
        run=notify_assignee,
        wants=assigned,
    )
)
