"""Tasks: every move, handing on, and never two for one reason."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from careops.access.actor import Actor
from patients.alerts import open_ops_task
from patients.models import Task
from patients.models.task import validate_checklist
from tests.factories.patients import (
    AppointmentFactory,
    PatientFactory,
    TaskCommentFactory,
    TaskFactory,
    UserFactory,
)
from tests.patients.helpers import newest, told
from workflows.catalogue import IllegalTransition, NotPermitted

pytestmark = pytest.mark.django_db

MOVES = {
    "open": {
        "start": ("in_progress", "task.started"),
        "complete": ("completed", "task.completed"),
        "cancel": ("cancelled", "task.cancelled"),
    },
    "in_progress": {
        "complete": ("completed", "task.completed"),
        "cancel": ("cancelled", "task.cancelled"),
    },
    "completed": {"reopen": ("open", "task.reopened")},
    "cancelled": {"reopen": ("open", "task.reopened")},
}


@pytest.mark.parametrize("state", MOVES)
def test_what_each_state_allows(state: str, system: Actor) -> None:
    assert {move.name for move in TaskFactory(state=state).legal_moves()} == set(MOVES[state])
    for move, (target, event) in MOVES[state].items():
        moved = TaskFactory(state=state).perform(move, by=system)
        assert told(moved)[-1] == (event, {"from": state, "to": target})
        assert bool(moved.completed_at) is (target == "completed")


def test_a_patient_may_not_complete_a_task(ada: object) -> None:
    task = TaskFactory(patient=ada)
    user = UserFactory(is_staff=False)
    with pytest.raises(NotPermitted):
        task.perform("complete", by=Actor.of(user))
    task.refresh_from_db()
    assert (task.state, task.completed_at) == ("open", None)


def test_handing_on_and_editing_are_two_events() -> None:
    task, lena = TaskFactory(), UserFactory()
    task.assignee = lena
    task.save()
    task.assignee, task.title, task.priority = None, "Call twice", "high"
    task.save()
    task.title = "Call"
    task.save()
    assert told(task) == [
        ("task.created", {"to": "open"}),
        ("task.assigned", {"changed": ["assignee"]}),
        ("task.assigned", {"changed": ["assignee"]}),
        ("task.updated", {"changed": ["priority", "title"]}),
        ("task.updated", {"changed": ["title"]}),
    ]


def test_a_comment_concerns_the_tasks_patient() -> None:
    comment = TaskCommentFactory()
    assert told(comment) == [("task.commented", {})]
    assert newest(comment).patient_id == comment.task.patient_id


def test_one_origin_opens_one_task_for_ever(system: Actor) -> None:
    first = Task.open_once(TaskFactory.build(patient=None, origin="run:7:call"))
    first.perform("complete", by=system)
    assert Task.open_once(TaskFactory.build(patient=None, origin="run:7:call")) == first
    assert Task.objects.count() == 1


def test_one_reason_has_one_open_task_at_a_time(system: Actor) -> None:
    first = Task.open_once(TaskFactory.build(patient=None, dedupe_key="call-back 1"))
    assert Task.open_once(TaskFactory.build(patient=None, dedupe_key="call-back 1")) == first
    first.perform("complete", by=system)
    second = Task.open_once(TaskFactory.build(patient=None, dedupe_key="call-back 1"))
    assert second != first
    with pytest.raises(IllegalTransition):
        first.perform("reopen", by=system)
    second.perform("cancel", by=system)
    assert first.perform("reopen", by=system).state == "open"


def test_tasks_without_origin_or_reason_are_never_confused() -> None:
    Task.open_once(TaskFactory.build(patient=None))
    Task.open_once(TaskFactory.build(patient=None))
    assert Task.objects.count() == 2


def test_a_task_leads_to_the_record_it_is_about() -> None:
    visit = AppointmentFactory()
    task = TaskFactory.build(patient=None)
    task.about = visit
    task.save()
    assert Task.objects.get().about == visit
    task.about = None
    assert (task.about, task.about_type, task.about_id) == (None, "", None)


@pytest.mark.parametrize("items", [{}, ["Call"], [{"text": "Call"}], [{"text": "Call", "done": 1}]])
def test_impossible_checklists_are_refused(items: object) -> None:
    with pytest.raises(ValidationError):
        validate_checklist(items)


def test_an_alert_opens_one_task_for_operations_while_the_last_one_is_open() -> None:
    ada = PatientFactory()
    visit = AppointmentFactory(patient=ada)
    for _time in range(2):
        open_ops_task(key="delivery:1:held", title="Look", detail="Delivery 1", about=visit)
    task = Task.objects.get()
    assert (task.title, task.description, task.role, task.priority) == (
        "Look",
        "Delivery 1",
        "ops admin",
        "high",
    )
    assert (task.about, task.patient, task.origin) == (visit, ada, "")
