"""Timelines: what happened, by whom, and why; the same number of queries however much there is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from careops.access.actor import Actor
from careops.lib import clock
from careops.surfaces.timeline import FIRST, MOST, timeline
from patients.events import TASK_CREATED, TASK_STARTED, TASK_UPDATED
from patients.models import Patient, Task
from tests.factories.patients import TaskFactory
from tests.surfaces.support import page
from workflows.catalogue import acting
from workflows.models import Automation, AutomationVersion, Delivery, EventRecord, Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def greeting(root):
    """An automation that was published once."""
    automation = Automation.objects.create(name="Greet newcomers", trigger="customer.created")
    AutomationVersion.objects.create(automation=automation, number=1, definition={}, sentence="…")
    return automation


def run_of(automation, event):
    return Run.objects.create(
        event=event, automation=automation, version=automation.versions.get(), subject_type=event.subject_type,
        subject_id=event.subject_id, patient_id=event.patient_id, state=Run.State.DONE,
    )  # fmt: skip


def test_it_tells_what_happened_newest_first_and_who_did_it(root, nia):
    with acting(Actor.of(nia)):
        task = TaskFactory(patient=None)
        task.title = "Call back soon"
        task.save()
        task.perform("start", by=Actor.of(nia))

    told = timeline(task, root).entries

    assert [entry.title for entry in told] == [
        str(event.says) for event in (TASK_STARTED, TASK_UPDATED, TASK_CREATED)
    ]
    assert {entry.who for entry in told} == {"Nia Ncube"}
    assert [entry.detail for entry in told] == ["open → in progress", "title", "open"]
    assert all("/eventrecord/" in entry.link for entry in told)


def test_a_patient_s_timeline_tells_of_everything_of_theirs_and_of_nobody_else(root, ada, ben):
    ours, theirs = TaskFactory(patient=ada), TaskFactory(patient=ben)

    told = timeline(ada, root).entries

    about = [entry.about.url for entry in told if entry.about]
    assert page(ours) in about
    assert page(theirs) not in about
    assert timeline(ours, root).entries[0].about is None


def test_why_was_this_created(root, nia, ada, greeting):
    """From the task to the run, the event and the person behind it."""
    with acting(Actor.of(nia)):
        patient = Patient.objects.get(pk=ada.pk)
        patient.city = "Bangor"
        patient.save()
    event = EventRecord.objects.filter(name="customer.updated").get()
    run = run_of(greeting, event)
    with acting(Actor.automation(greeting.pk, frozenset()), caused_by=run.pk):
        task = TaskFactory(patient=ada)

    (entry,) = timeline(task, root).entries

    assert entry.who == "automation “Greet newcomers”"
    by_run, by_event, by_person = entry.because
    assert by_run.text == "Automation “Greet newcomers”"
    assert by_run.url.endswith(f"/workflows/run/{run.pk}/change/")
    assert by_event.text == "A patient's details were edited."
    assert by_event.url.endswith(f"/workflows/eventrecord/{event.pk}/change/")
    assert by_person.text == "Nia Ncube"


def test_runs_and_deliveries_stand_in_the_timeline(root, greeting):
    task = TaskFactory(patient=None)
    run_of(greeting, EventRecord.objects.get(subject_id=task.pk))
    Delivery.objects.create(channel="webhook", key="k", subject_type="patients.Task", subject_id=task.pk)

    told = {entry.title: entry for entry in timeline(task, root).entries}

    assert told["Automation “Greet newcomers”"].detail == "done"
    assert told["Sent by webhook"].detail == "due"


def test_a_link_is_plain_text_for_whoever_may_not_follow_it(nia, greeting):
    task = TaskFactory(patient=None)
    run_of(greeting, EventRecord.objects.get(subject_id=task.pk))
    assert not nia.has_perm("workflows.view_run")
    assert {entry.link for entry in timeline(task, nia).entries} == {""}


def test_it_is_bounded_and_says_how_to_see_more(at_desk, nia, root):
    task = TaskFactory(patient=None)
    row = EventRecord.objects.get(subject_id=task.pk)
    copies = [
        EventRecord(name=row.name, subject_type=row.subject_type, subject_id=task.pk, actor_kind="system",
                    occurred_at=clock.now() + timedelta(seconds=number))
        for number in range(MOST + 50)
    ]  # fmt: skip
    EventRecord.objects.bulk_create(copies)

    assert len(timeline(task, root).entries) == FIRST
    assert timeline(task, root).more > FIRST
    assert len(timeline(task, root, most=10**9).entries) == MOST
    assert timeline(task, root, most=10**9).more == 0
    html = at_desk(nia).get(page(task, "timeline") + "?show=40").content.decode()
    assert html.count('class="co-entry ') == 40
    assert at_desk(nia).get(page(task, "timeline") + "?show=x").status_code == 200


def test_the_number_of_queries_does_not_grow(root, greeting, django_assert_num_queries):
    task = TaskFactory(patient=None)
    first = EventRecord.objects.get(subject_id=task.pk)
    run = run_of(greeting, first)

    def happen(times):
        for _number in range(times):
            with acting(Actor.automation(greeting.pk, frozenset()), caused_by=run.pk):
                fresh = Task.objects.get(pk=task.pk)
                fresh.title += "!"
                fresh.save()

    happen(1)
    with django_assert_num_queries(4):  # events, the automations among their actors, runs, deliveries
        timeline(task, root)
    happen(9)
    with django_assert_num_queries(4):
        timeline(task, root)
