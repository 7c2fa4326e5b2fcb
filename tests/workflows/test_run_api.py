"""Automations and runs over the API: to read, each value by whoever may read it."""

from __future__ import annotations

from typing import Any

import pytest

from careops.access.actor import Actor
from tests.api.support import Caller
from tests.factories.patients import AppointmentFactory, PatientFactory
from tests.workflows.support import STOP, draft, live, work_off
from workflows.models import Run

pytestmark = pytest.mark.django_db

AGED = {"all": [{"fact": "patient.age", "operator": "at_least", "value": 40}]}
TASK = {
    "action": "create_task",
    "parameters": {"title": "Call {{ patient.first_name }}", "assign_to": "role", "role": "front desk"},
}


def a_run() -> Run:
    live("appointment.confirmed", TASK, STOP, name="Confirmed", conditions=AGED)
    visit = AppointmentFactory(patient=PatientFactory(first_name="Zsofia"))
    visit.perform("confirm", by=Actor.system())
    work_off()
    return Run.objects.get(automation__name="Confirmed")


def test_an_automation_says_what_it_does(partner: Caller) -> None:
    version = live("task.created", STOP, name="Live one")
    idle = draft("task.created", name="Draft one")
    rows = {row["name"]: row for row in partner.get("/api/v1/automations/").json()["results"]}
    one = rows["Live one"]
    assert (one["state"], one["trigger"], one["published"], one["sentence"]) == (
        "live", "task.created", 1, version.sentence,
    )  # fmt: skip
    assert (rows["Draft one"]["published"], rows["Draft one"]["sentence"]) == (None, "")
    assert partner.get(f"/api/v1/automations/{idle.pk}/")["ETag"] == f'"{idle.version}"'
    assert partner.patch(f"/api/v1/automations/{idle.pk}/", {"name": "x"}).status_code == 405
    assert partner.post(f"/api/v1/automations/{idle.pk}/transitions/pause/").status_code == 404


def test_a_run_tells_its_story(partner: Caller) -> None:
    run = a_run()
    body = partner.get(f"/api/v1/runs/{run.pk}/").json()
    assert (body["state"], body["automation_name"], body["event_name"]) == (
        run.state, "Confirmed", "appointment.confirmed",
    )  # fmt: skip
    assert (body["subject_type"], body["patient"]) == ("patients.Appointment", str(run.patient_id))
    assert [(step["action"], step["state"]) for step in body["steps"]] == [
        ("create_task", "done"),
        ("stop", "done"),
    ]
    assert body["steps"][0]["made"]["type"] == "patients.Task"
    (condition,) = body["conditions"]
    assert condition["holds"] is True


def test_what_a_condition_saw_is_for_who_may_see_it(partner: Caller, with_key: Any) -> None:
    run = a_run()
    seen = partner.get(f"/api/v1/runs/{run.pk}/").json()["conditions"][0]["text"]
    blind = with_key("workflows.view_run").get(f"/api/v1/runs/{run.pk}/")
    hidden = blind.json()["conditions"][0]
    assert "•••" not in seen
    assert "•••" in hidden["text"]
    assert hidden["holds"] is True


def test_what_a_step_was_given_or_found_stays_inside(with_key: Any) -> None:
    """A text with a name in it must not come out by the back door."""
    run = a_run()
    caller = with_key("workflows.view_run")
    for url in (f"/api/v1/runs/{run.pk}/", "/api/v1/runs/"):
        told = caller.get(url).content.decode()
        assert "Zsofia" not in told
        assert "first_name" not in told


def test_runs_are_found_by_what_they_are_about(partner: Caller) -> None:
    run = a_run()
    for query in (
        {"automation": str(run.automation_id)},
        {"subject": str(run.subject_id), "event_name": run.event.name},
    ):
        assert [row["id"] for row in partner.get("/api/v1/runs/", query).json()["results"]] == [run.pk]
    assert partner.get("/api/v1/runs/", {"state": "failed"}).json()["results"] == []
    assert partner.get(f"/api/v1/runs/{2**70}/").status_code == 404
