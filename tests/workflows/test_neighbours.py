"""What cannot be worked on, or is worked on alone, harms nobody beside it and is not forgotten."""

from __future__ import annotations

from itertools import count

import pytest
from django.db import connection

from careops.access.actor import Actor
from patients.models import Task
from tests.factories.patients import PatientFactory
from tests.workflows.support import STOP, TASK, live, settle
from workflows.engine import following, limits
from workflows.engine.drain import drain
from workflows.engine.program import program
from workflows.models import AutomationVersion, EventBatch, Run, StepRun, lease
from workflows.models.lease import claim

pytestmark = pytest.mark.django_db


@pytest.fixture
def unreadable(system) -> StepRun:
    """A step that is due, of a version that lacks what the code looks for."""
    version = live("patient.onboarded", TASK)
    PatientFactory().perform("onboard", by=system)
    settle()
    lacking = {key: value for key, value in version.definition.items() if key != "lane"}
    AutomationVersion.objects.filter(pk=version.pk).update(definition=lacking)
    program.cache_clear()
    return StepRun.objects.get()


def test_a_step_of_an_unreadable_version_dies_by_itself_when_its_worker_vanished(unreadable):
    StepRun.objects.update(alone=True, crashes=2)
    claim(StepRun, "default", 1, worker="doomed")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_steprun SET lease_until = statement_timestamp() - interval '1 second'"
        )
    drain("bulk", until_empty=True)
    assert (StepRun.objects.get().state, Run.objects.get().state) == ("failed", "failed")


def test_a_step_of_an_unreadable_version_dies_by_itself_when_its_tries_are_used_up(unreadable):
    StepRun.objects.update(attempts=limits.STEP_TRIES - 1)
    drain("bulk", until_empty=True)
    assert (StepRun.objects.get().state, Run.objects.get().state) == ("failed", "failed")


@pytest.mark.parametrize("first", [1, 2])
def test_a_step_to_be_worked_on_alone_has_its_turn_between_batches_of_events(monkeypatch, system, first):
    turns = {(EventBatch, "default"): count(first), (StepRun, "default"): count(1)}
    monkeypatch.setattr(lease, "_turns", turns)
    live("patient.onboarded", STOP)
    for _patient in range(12):
        PatientFactory().perform("onboard", by=system)
    settle()
    lone = StepRun.objects.earliest("due_at", "id")
    StepRun.objects.filter(pk=lone.pk).update(alone=True)
    met = []
    for _round in range(4):
        claim(EventBatch, "default", 1, worker="me")
        met += [row.pk for row in claim(StepRun, "default", 2, worker="me")]
    assert lone.pk in met


def test_an_unreadable_version_is_told_of_though_the_batch_was_undone(monkeypatch, unreadable):
    live("patient.onboarded", STOP, name="Another")
    monkeypatch.setattr(following, "plan", lambda *_args, **_options: 1 / 0)
    PatientFactory().perform("onboard", by=Actor.system())
    settle()
    assert Task.objects.filter(dedupe_key__startswith="alert:version-unreadable").exists()
