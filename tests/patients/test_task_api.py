"""Tasks over the API."""

from __future__ import annotations

from typing import Any

import pytest

from patients.models import Task
from tests.api.support import Caller
from tests.factories.patients import TaskFactory, UserFactory
from tests.patients.helpers import told

pytestmark = pytest.mark.django_db

TASKS = "/api/v1/tasks/"


def test_a_task_is_opened_handed_on_and_finished(partner: Caller, omar: Any, ada: Any) -> None:
    body = {"title": "Call", "priority": "high", "role": "front desk", "patient": str(ada.pk)}
    made = partner.post(TASKS, body).json()
    assert (made["state"], made["assignee"], made["checklist"]) == ("open", None, [])
    url = f"{TASKS}{made['id']}/"
    assert partner.patch(url, {"assignee": omar.pk, "role": ""}).json()["assignee"] == omar.pk
    assert partner.post(f"{url}transitions/complete/").json()["completed_at"] is not None
    task = Task.objects.get()
    assert (task.assignee, task.role, task.state) == (omar, "", "completed")
    assert [name for name, _data in told(task)][-1] == "task.completed"


def test_work_is_for_colleagues_only(partner: Caller) -> None:
    patient = UserFactory(is_staff=False)
    for pk in (patient.pk, 10**9):
        answer = partner.post(TASKS, {"title": "Call", "assignee": pk})
        assert answer.json()["errors"] == [{"pointer": "/assignee", "detail": "There is no such record."}]
    assert Task.objects.count() == 0


def test_a_cancelled_task_says_why_and_comes_back(partner: Caller) -> None:
    url = f"{TASKS}{TaskFactory().pk}/transitions/"
    assert partner.post(f"{url}cancel/", {"reason": "Twice"}).json()["cancel_reason"] == "Twice"
    assert partner.post(f"{url}reopen/").json()["state"] == "open"
