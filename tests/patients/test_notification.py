"""Notifications: told to one person, read by that person; the assignee of a task always hears of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from careops.access.actor import Actor
from patients.models import Notification
from patients.reactions import notify_assignee
from tests.factories.patients import NotificationFactory, TaskFactory, UserFactory
from tests.patients.helpers import AStep, newest, told
from workflows.catalogue import IllegalTransition, acting

pytestmark = pytest.mark.django_db


def notified(task: Any) -> Any:
    """What the built-in reaction answers to the newest event about that task."""
    (answer,) = notify_assignee([AStep(task)])
    return answer


def test_a_notification_is_read_once(nia: Any) -> None:
    notice = NotificationFactory(user=nia).perform("read", by=Actor.of(nia))
    assert told(notice) == [
        ("notification.created", {"to": "unread"}),
        ("notification.read", {"from": "unread", "to": "read"}),
    ]
    with pytest.raises(IllegalTransition):
        notice.perform("read", by=Actor.of(nia))


def test_the_assignee_hears_of_a_new_task_once(nia: Any) -> None:
    task = TaskFactory(assignee=nia)
    first = notified(task)
    assert notified(task) == first
    notice = Notification.objects.get()
    assert first == {"type": "patients.Notification", "id": str(notice.pk)}
    assert (notice.user, notice.title) == (nia, "A task for you: Call back")
    assert (notice.about, notice.patient) == (task, task.patient)


def test_the_new_assignee_hears_when_a_task_is_handed_on(nia: Any, omar: Any) -> None:
    task = TaskFactory(assignee=nia)
    task.assignee = omar
    with acting(Actor.of(nia)):
        task.save()
    assert newest(task).name == "task.assigned"
    notified(task)
    assert Notification.objects.get().user == omar


def test_who_takes_a_task_needs_no_telling(nia: Any) -> None:
    task = TaskFactory()
    task.assignee = nia
    with acting(Actor.of(nia)):
        task.save()
    assert notified(task) is None
    assert not Notification.objects.exists()


def test_nobody_is_told_of_a_task_for_nobody() -> None:
    task = TaskFactory(assignee=UserFactory())
    task.assignee = None
    task.save()
    assert notified(task) is None


def in_memory(step: AStep) -> Any:
    """The same step with everything read already, as the engine hands it over."""
    task, event = step.subject(), step.event
    return SimpleNamespace(event=event, cause=step.cause, subject=lambda: task)


def test_many_tasks_are_told_of_in_few_statements(
    nia: Any, omar: Any, django_assert_num_queries: Any
) -> None:
    steps = [AStep(TaskFactory(assignee=user)) for user in (nia, omar, None, nia)]
    loaded = [in_memory(step) for step in steps]
    with django_assert_num_queries(2):  # the known ones; (notifications by COPY), events with the wake-up
        answers = notify_assignee(loaded)
    assert [bool(answer) for answer in answers] == [True, True, False, True]
    assert list(Notification.objects.order_by("id").values_list("user", flat=True)) == [
        nia.pk,
        omar.pk,
        nia.pk,
    ]
    assert notify_assignee(loaded) == answers
    assert Notification.objects.count() == 3
