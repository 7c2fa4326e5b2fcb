"""A batch of events is acted upon once, by whoever has it; what it begins is carried out at once where that is safe."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django import forms
from django.db import connection

from careops.access.actor import Actor
from careops.lib import clock
from patients.models import Patient, Task
from tests.factories.patients import PatientFactory
from tests.workflows.support import STOP, TASK, live, settle, work_off
from workflows.catalogue import Action, Done, StepFailed, actions, quietly
from workflows.engine import following, limits
from workflows.engine.dispatch import dispatch, dispatch_for
from workflows.models import Delivery, Endpoint, EventBatch, EventRecord, NonMatch, Run, StepRun
from workflows.models.event_batch import waiting
from workflows.models.lease import claim, reap

SYSTEM = Actor.system()


@pytest.fixture
def patient(db: None) -> Patient:
    patient = PatientFactory()
    settle()
    return patient


def onboard(*patients: Patient) -> None:
    for each in patients:
        each.perform("onboard", by=SYSTEM)


def steps() -> list[tuple[str, str]]:
    return list(StepRun.objects.order_by("run", "position").values_list("key", "state"))


def vanish(model: type) -> None:
    """Whoever works on these rows is dead, and its leases have run out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET lease_until = statement_timestamp() - interval '1 s' "
            "WHERE state = 'running'"
        )
    following.give_up(reap(EventBatch))


def action(name: str, run) -> Action:
    """An action for one test."""
    return Action(
        name=name, label=name, form=forms.Form, run=run, says=lambda given: name,
        needs=lambda given, subject: frozenset(),
    )  # fmt: skip


# ── Handing over ────────────────────────────────────────────────────────────────────────────────────────────
def test_numbered_events_are_handed_over_with_their_names_and_no_quiet_ones(patient):
    with quietly():
        PatientFactory()
    onboard(patient)
    patient.refresh_from_db()
    patient.city = "Bangor"
    patient.save()
    dispatch()
    batch = EventBatch.objects.get()
    numbered = EventRecord.objects.filter(position__range=(batch.first, batch.last))
    assert list(numbered.order_by("position").values_list("name", "quiet")) == [
        ("patient.onboarded", False),
        ("customer.updated", False),
    ]
    assert batch.last == EventRecord.objects.count()
    assert batch.names == ["customer.updated", "patient.onboarded"]


def test_who_asks_how_much_waits_is_told_of_numbered_events_too(patient):
    settle()
    assert waiting() == (0, None)
    onboard(patient)
    event = EventRecord.objects.get(name="patient.onboarded")
    assert waiting() == (1, event.recorded_at)
    dispatch()
    batch = EventBatch.objects.get()
    assert waiting() == (1, batch.created_at)
    onboard(PatientFactory())
    new = EventRecord.objects.filter(position=None).count()
    assert waiting() == (1 + new, batch.created_at)
    work_off()
    assert waiting() == (0, None)


def test_what_is_told_quietly_only_is_handed_to_nobody(db):
    with quietly():
        PatientFactory()
    assert dispatch() == EventRecord.objects.count() > 0
    assert not EventBatch.objects.exists()


def test_of_what_nobody_listens_to_nothing_is_read(patient, django_assert_num_queries):
    onboard(patient)
    dispatch()
    with django_assert_num_queries(5):  # the claim; begin, the batch, who listens, commit
        assert following.work("test") == 1
    assert not EventBatch.objects.exists()


def test_who_numbers_has_the_first_batch_and_calls_somebody_for_the_others(patient, monkeypatch):
    called: list[int] = []
    monkeypatch.setattr("workflows.engine.dispatch.wake", called.append)
    onboard(*(PatientFactory() for _number in range(limits.BATCH // 2 + 1)))  # two events each
    before = EventRecord.objects.filter(position=None).count()
    numbered, mine = dispatch_for("me")
    assert (numbered, called) == (before, [2])
    first, second = EventBatch.objects.order_by("first")
    assert (first.pk, first.first, first.last, first.names) == (mine.pk, mine.first, mine.last, mine.names)
    assert (first.state, first.worker, first.fence, second.state, second.worker, second.fence) == (
        "running", "me", 1, "due", "", 0,
    )  # fmt: skip
    assert first.lease_until > clock.now()
    assert second.lease_until is None
    assert [batch.pk for batch in claim(EventBatch, "default", 9, worker="you")] == [second.pk]
    following.follow(mine)
    assert list(EventBatch.objects.values_list("pk", flat=True)) == [second.pk]


def test_a_batch_whose_dispatcher_died_falls_apart_for_the_next(patient):
    live("patient.onboarded", STOP)
    onboard(patient)
    _numbered, mine = dispatch_for("me")
    vanish(EventBatch)
    assert EventBatch.objects.get().alone is True
    work_off()
    following.follow(mine)  # back from the dead
    assert Run.objects.count() == 1


def test_of_quiet_events_nobody_has_a_batch(db):
    with quietly():
        PatientFactory()
    waiting_ones = EventRecord.objects.count()
    assert dispatch_for("me") == (waiting_ones, None)
    assert not EventBatch.objects.exists()


def test_a_batch_is_acted_upon_once(patient):
    live("patient.onboarded", STOP)
    onboard(patient)
    dispatch()
    [slow] = claim(EventBatch, "default", 1, worker="slow")
    vanish(EventBatch)
    work_off()
    assert Run.objects.count() == 1
    following.follow(slow, at_once=True)  # back from the dead: somebody else has done it
    assert Run.objects.count() == 1


def test_a_batch_that_was_given_to_somebody_else_is_left_to_them(patient):
    live("patient.onboarded", STOP)
    settle()
    onboard(patient)
    dispatch()
    [slow] = claim(EventBatch, "default", 1, worker="slow")
    vanish(EventBatch)
    [quick] = claim(EventBatch, "default", 1, worker="quick")
    following.follow(slow, at_once=True)
    assert not Run.objects.exists()
    following.follow(quick, at_once=True)
    assert Run.objects.count() == 1


# ── At once ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_due_at_once_is_done_in_the_transaction_that_begins_the_run(patient):
    live("patient.onboarded", TASK, STOP)
    onboard(patient)
    dispatch()
    following.work("me")
    assert steps() == [("create_task_1", "done"), ("stop_1", "done")]
    assert Run.objects.get().state == "stopped"
    task = Task.objects.get()
    first = StepRun.objects.get(position=1)
    assert (task.origin, first.result["id"]) == (f"run:{first.run_id}:create_task_1", str(task.pk))
    assert (first.worker, first.fence, [entry["error"] for entry in first.log]) == ("me", 0, [""])
    told = EventRecord.objects.get(name="task.created")
    assert (told.caused_by_id, told.actor_kind, told.depth) == (first.run_id, "automation", 1)


def test_bulk_work_is_left_to_its_lane(patient):
    live("patient.onboarded", TASK, lane="bulk")
    onboard(patient)
    dispatch()
    following.work("me")
    assert steps() == [("create_task_1", "due")]
    assert not Task.objects.exists()
    work_off()
    assert steps() == [("create_task_1", "done")]


def test_a_wait_is_where_it_stops_for_now(patient, travel):
    live("patient.onboarded", {"action": "wait", "parameters": {"amount": 2, "unit": "days"}}, TASK)
    onboard(patient)
    dispatch()
    following.work("me")
    assert steps() == [("wait_1", "due")]
    assert Run.objects.get().state == "running"
    travel(timedelta(days=2, minutes=1))
    work_off()
    assert steps() == [("wait_1", "done"), ("create_task_1", "done")]


def test_a_later_step_sees_what_an_earlier_one_brought_a_moment_ago(patient):
    asks = {
        "all": [{"fact": "step.create_task_1.result.type", "operator": "equals", "value": "patients.Task"}]
    }
    denies = {"all": [{"fact": "step.create_task_1.result.type", "operator": "equals", "value": "none"}]}
    live("patient.onboarded", TASK, {**TASK, "only_if": denies}, {**STOP, "only_if": asks})
    onboard(patient)
    dispatch()
    following.work("me")
    assert steps() == [("create_task_1", "done"), ("create_task_2", "skipped"), ("stop_1", "done")]
    assert Task.objects.count() == 1


def test_one_that_fails_is_told_by_its_own_claim_and_takes_nobody_with_it(db):
    good, bad = PatientFactory(), PatientFactory()
    settle()

    def pick(step, given):
        step.subject()
        if step.event.subject_id == bad.pk:
            raise StepFailed("no", "Not this one.")
        Task(title="t", role="clinician").save()
        return Done()

    with actions.temporarily(action("pick", pick)):
        live("patient.onboarded", {"action": "pick"}, name="Picks")
        live("patient.onboarded", STOP, name="Stops")
        onboard(good, bad)
        dispatch()
        following.work("me")
        assert sorted(steps()) == [("pick_1", "due")] * 2 + [("stop_1", "done")] * 2
        assert not Task.objects.exclude(
            dedupe_key__startswith="alert:"
        ).exists()  # rolled back with the failure
        work_off()
    done = {step.run.event.subject_id: step for step in StepRun.objects.filter(key="pick_1")}
    assert (done[good.pk].state, done[bad.pk].state, done[bad.pk].error_code) == ("done", "failed", "no")
    assert Task.objects.filter(title="t").count() == 1


# ── When a worker dies ──────────────────────────────────────────────────────────────────────────────────────
def test_a_batch_whose_worker_vanished_falls_apart_and_nothing_of_it_is_done_at_once(db):
    live("patient.onboarded", STOP)
    onboard(PatientFactory(), PatientFactory())
    dispatch()
    claim(EventBatch, "default", 1, worker="doomed")
    vanish(EventBatch)
    for _each in range(1 + EventRecord.objects.count()):
        following.work("me")
    assert not EventBatch.objects.exists()
    assert (
        steps() == [("stop_1", "due")] * 2
    )  # a step that kills its worker is now claimed alone, and counted
    work_off()
    assert steps() == [("stop_1", "done")] * 2


def test_a_batch_that_three_workers_could_not_even_split_is_not_lost(db):
    live("patient.onboarded", STOP)
    settle()
    onboard(PatientFactory(), PatientFactory())
    dispatch()
    for _death in range(4):
        claim(EventBatch, "default", 1, worker="doomed")
        vanish(EventBatch)
    assert all(batch.first == batch.last for batch in EventBatch.objects.all())
    work_off()
    assert steps() == [("stop_1", "done")] * 2


def test_an_event_that_takes_three_workers_down_is_parked_and_people_are_told(patient):
    live("patient.onboarded", STOP)
    settle()
    onboard(patient)
    dispatch()
    event = EventRecord.objects.get(name="patient.onboarded")
    for _death in range(4):  # the first one is not counted: the batch was not alone
        assert claim(EventBatch, "default", 1, worker="doomed")
        vanish(EventBatch)
    assert not EventBatch.objects.exists()
    assert NonMatch.objects.get(event=event).verdicts == [{"refused": "broken", "error": "crashed"}]
    assert Task.objects.filter(dedupe_key=f"alert:event-broken:{event.pk}").count() == 1
    assert not Run.objects.filter(event=event).exists()


# ── Webhooks ────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_webhooks_of_many_runs_are_queued_together_each_with_its_own_cause(
    db, django_assert_max_num_queries
):
    partner = Endpoint.objects.create(name="Partner", url="https://partner.example/")
    live("patient.onboarded", {"action": "call_webhook", "parameters": {"endpoint": str(partner.pk)}})
    settle()
    patients = [PatientFactory() for _one in range(12)]
    settle()
    onboard(*patients)
    dispatch()
    with django_assert_max_num_queries(20):
        following.work("me")
    assert steps() == [("call_webhook_1", "waiting")] * 12
    found = {delivery.body["data"]["patient"]: delivery for delivery in Delivery.objects.all()}
    assert found.keys() == {str(patient.pk) for patient in patients}
    for delivery in found.values():
        run = Run.objects.get(event=delivery.event)
        assert (delivery.key, delivery.caused_by_id) == (f"run:{run.pk}:call_webhook_1", run.pk)
        assert (delivery.step_id, delivery.depth) == (run.steps.get().pk, 1)
        assert delivery.correlation_id == run.event.correlation_id


def test_an_endpoint_that_is_switched_off_is_called_by_nobody(patient):
    partner = Endpoint.objects.create(name="Partner", url="https://partner.example/")
    live("patient.onboarded", {"action": "call_webhook", "parameters": {"endpoint": str(partner.pk)}})
    partner.perform("disable", by=SYSTEM)
    onboard(patient)
    work_off()
    assert not Delivery.objects.exists()
    step = StepRun.objects.get(key="call_webhook_1")
    assert (step.state, step.error_code) == ("failed", "endpoint_disabled")
