"""What follows from an event whatever the automations say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from careops.access.actor import ActorKind
from patients import events
from patients.models import Notification, Task
from workflows.catalogue import Reaction, reactions


def notify_assignee(event: Any) -> Mapping[str, Any] | None:
    """Tell the assignee of a task that it is theirs, unless they took it themselves."""
    task = Task.objects.select_related("assignee").filter(pk=event.subject_id).first()
    if task is None or task.assignee is None or _is_by(event, task.assignee):
        return None
    origin = f"assigned:{event.uid}"
    if (known := Notification.objects.filter(origin=origin).first()) is None:
        known = Notification(
            user=task.assignee,
            patient_id=task.patient_id,
            title=gettext("A task for you: %(title)s") % {"title": task.title[:180]},
            origin=origin,
        )
        known.about = task
        known.save()
    return {"type": Notification._meta.label, "id": str(known.pk)}


def _is_by(event: Any, user: Any) -> bool:
    return event.actor_kind == ActorKind.STAFF and event.actor_id == str(user.pk)


reactions.add(
    Reaction(
        name="notify_assignee",
        says=_("Tell the assignee about their new task"),
        on=(events.TASK_CREATED, events.TASK_ASSIGNED),
        run=notify_assignee,
    )
)
