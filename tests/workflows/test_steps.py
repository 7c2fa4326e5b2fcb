"""Steps happen once, wait without anybody sleeping, fail where people see it, and never take a neighbour with them."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.db import connection

from careops.access.actor import Actor
from careops.lib import clock
from patients.models import Patient, Task
from tests.factories.patients import PatientFactory
from tests.workflows.support import STOP, live, settle, work_off
from workflows.catalogue import Action, Done, NotPermitted, StepFailed, TryLater, actions
from workflows.engine import limits, operate, steps
from workflows.engine.program import program
from workflows.models import QueueState, Run, StepRun
from workflows.models.lease import claim, reap

SYSTEM = Actor.system()
TASK = {
    "action": "create_task",
    "parameters": {"title": "Call back", "assign_to": "role", "role": "clinician", "due_amount": 2},
}


def wait(amount: int, unit: str, **more: object) -> dict[str, object]:
    return {"action": "wait", "parameters": {"amount": amount, "unit": unit, **more}}


def action(name: str, run) -> Action:
    """An action for one test."""
    return Action(
        name=name, label=name, form=forms.Form, run=run, says=lambda given: name,
        needs=lambda given, subject: frozenset(),
    )  # fmt: skip


@pytest.fixture
def patient(db: None) -> Patient:
    patient = PatientFactory()
    work_off()
    return patient


def onboard(patient: Patient) -> None:
    patient.perform("onboard", by=SYSTEM)
    work_off()


def story(run: Run) -> list[tuple[str, str]]:
    return list(run.steps.order_by("position").values_list("key", "state"))


def the_run() -> Run:
    return Run.objects.get(version__isnull=False)


def test_steps_run_in_order_and_the_run_is_done(patient):
    live("patient.onboarded", TASK, TASK)
    onboard(patient)
    run = the_run()
    assert story(run) == [("create_task_1", "done"), ("create_task_2", "done")]
    assert run.state == "done"
    assert Task.objects.count() == 2
    task = Task.objects.order_by("created_at").first()
    assert run.steps.get(key="create_task_1").result == {"type": "patients.Task", "id": str(task.pk)}


def test_what_a_step_does_is_told_as_the_automations_doing(patient):
    version = live("patient.onboarded", TASK)
    onboard(patient)
    event = the_run().caused_events.get(name="task.created")
    assert (event.actor_kind, event.actor_id) == ("automation", str(version.automation_id))
    assert event.depth == 1
    assert event.correlation_id == the_run().event.correlation_id


def test_a_wait_of_one_minute_passes_when_the_clock_does(patient, travel):
    live("patient.onboarded", wait(1, "minutes"), TASK)
    onboard(patient)
    assert story(the_run()) == [("wait_1", "due")]
    travel(timedelta(seconds=59))
    work_off()
    assert Task.objects.count() == 0
    travel(timedelta(seconds=62))
    work_off()
    assert story(the_run()) == [("wait_1", "done"), ("create_task_1", "done")]


def test_a_wait_of_two_weeks_passes_without_sleeping(patient, travel):
    live("patient.onboarded", wait(2, "weeks"), STOP)
    onboard(patient)
    travel(timedelta(days=13, hours=23))
    work_off()
    assert the_run().state == "running"
    travel(timedelta(days=14, minutes=1))
    work_off()
    assert the_run().state == "stopped"


def test_a_wait_ends_at_a_time_of_day_where_the_patient_lives(patient):
    live("patient.onboarded", {"action": "wait", "parameters": {"time_of_day": "09:00"}}, STOP)
    onboard(patient)
    due = the_run().steps.get().due_at
    local = due.astimezone(ZoneInfo(patient.timezone_name))
    assert (local.hour, local.minute) == (9, 0)
    assert timedelta(0) <= due - clock.now() <= timedelta(days=1)


def test_a_step_whose_condition_does_not_hold_is_skipped_with_its_trace(patient):
    never = {"all": [{"fact": "patient.region", "operator": "equals", "value": "XX"}]}
    live("patient.onboarded", {**TASK, "only_if": never}, STOP)
    onboard(patient)
    run = the_run()
    assert story(run) == [("create_task_1", "skipped"), ("stop_1", "done")]
    assert run.steps.get(key="create_task_1").trace["held"] == "0"
    assert Task.objects.count() == 0


def test_a_condition_may_end_the_run(patient):
    never = {"all": [{"fact": "patient.region", "operator": "equals", "value": "XX"}]}
    live("patient.onboarded", {**TASK, "only_if": never, "otherwise": "stop"}, TASK)
    onboard(patient)
    assert story(the_run()) == [("create_task_1", "skipped")]
    assert the_run().state == "stopped"


def test_a_later_step_may_ask_for_an_earlier_ones_result(patient):
    made = {
        "all": [{"fact": "step.create_task_1.result.type", "operator": "equals", "value": "patients.Task"}]
    }
    live("patient.onboarded", TASK, {**TASK, "only_if": made})
    onboard(patient)
    assert story(the_run()) == [("create_task_1", "done"), ("create_task_2", "done")]


def test_a_transition_is_made_through_the_one_door_with_the_versions_permissions(patient):
    live(
        "customer.created",
        {"action": "perform_transition", "parameters": {"transition": "patients.Patient:onboard"}},
    )
    other = PatientFactory()
    work_off()
    assert Patient.objects.get(pk=other.pk).state == "onboarded"


def test_an_automation_that_lacks_a_permission_fails_visibly_and_changes_nothing(patient):
    version = live(
        "customer.created",
        {"action": "perform_transition", "parameters": {"transition": "patients.Patient:onboard"}},
    )
    type(version).objects.filter(pk=version.pk).update(permissions=[])
    program.cache_clear()
    other = PatientFactory()
    work_off()
    run = the_run()
    step = run.steps.get()
    assert (run.state, step.state, step.error_code) == ("failed", "failed", "NotPermitted")
    assert "patients.onboard_patient" in step.error
    assert Patient.objects.get(pk=other.pk).state == "registered"
    assert Task.objects.filter(dedupe_key=f"alert:run-failed:{run.pk}").count() == 1


def test_a_transient_failure_is_tried_again_later_and_then_succeeds(patient, travel):
    tries: list[int] = []

    def flaky(step, given):
        tries.append(1)
        if len(tries) < 4:  # the first one, in the transaction that begins the run, is not counted
            raise TryLater("not yet")
        return Done()

    with actions.temporarily(action("flaky", flaky)):
        live("patient.onboarded", {"action": "flaky"})
        onboard(patient)
        step = the_run().steps.get()
        assert (step.state, step.attempts, step.error) == ("due", 1, "not yet")
        assert timedelta(0) < step.due_at - clock.now() < timedelta(seconds=2)
        for seconds in (2, 6):
            travel(timedelta(seconds=seconds))
            work_off()
    step = the_run().steps.get()
    assert (step.state, step.attempts, len(tries)) == ("done", 2, 4)
    assert [entry["error"] for entry in step.log] == ["not yet", "not yet", ""]


def test_a_step_that_keeps_failing_is_a_dead_letter_that_people_can_retry(patient, travel, ops):
    broken = [True]

    def fragile(step, given):
        if broken:
            raise TryLater("still not")
        return Done()

    with actions.temporarily(action("fragile", fragile)):
        live("patient.onboarded", {"action": "fragile"})
        onboard(patient)
        for hour in range(1, limits.STEP_TRIES + 1):
            travel(timedelta(hours=hour))
            work_off()
        step = the_run().steps.get()
        assert (step.state, step.attempts, the_run().state) == ("failed", limits.STEP_TRIES, "failed")
        broken.clear()
        operate.retry_step(step, by=Actor.of(ops))
        work_off()
    assert (the_run().state, the_run().steps.get().state) == ("done", "done")


def test_a_failed_step_may_let_the_run_go_on(patient):
    def refuse(step, given):
        raise StepFailed("no", "It cannot be.")

    with actions.temporarily(action("refuse", refuse)):
        live("patient.onboarded", {"action": "refuse", "on_failure": "continue"}, TASK)
        onboard(patient)
    assert story(the_run()) == [("refuse_1", "failed"), ("create_task_1", "done")]
    assert the_run().state == "done"


def test_a_batch_with_one_failure_falls_apart_and_the_others_are_done_once(db):
    def moody(step, given):
        if step.person().city == "Gloom":
            raise ZeroDivisionError
        Task(title="Moody", origin=step.key).save()
        return Done()

    with actions.temporarily(action("moody", moody)):
        live("patient.onboarded", {"action": "moody"})
        for number in range(12):
            PatientFactory(city="Gloom" if number == 5 else "Joy").perform("onboard", by=SYSTEM)
        work_off()
    assert Task.objects.filter(title="Moody").count() == 11
    states = list(StepRun.objects.filter(action="moody").values_list("state", "error_code"))
    assert sorted(states) == sorted([("done", "")] * 11 + [("due", "ZeroDivisionError")])


def test_the_words_of_a_strangers_error_are_not_kept(patient):
    def leaky(step, given):
        raise ValueError(f"bad value for {patient.first_name}")

    with actions.temporarily(action("leaky", leaky)):
        live("patient.onboarded", {"action": "leaky"})
        onboard(patient)
    step = the_run().steps.get()
    assert (step.error_code, step.error) == ("ValueError", "")
    assert patient.first_name not in str(step.log)


def test_a_worker_back_from_the_dead_cannot_finish_what_was_given_away(patient):
    live("patient.onboarded", TASK)
    patient.perform("onboard", by=SYSTEM)
    settle()
    mine = claim(StepRun, "default", 10, worker="slow")
    expire_leases()
    reap(StepRun)
    work_off()
    assert Task.objects.filter(title="Call back").count() == 1
    steps._one(mine[0])
    assert Task.objects.filter(title="Call back").count() == 1
    assert the_run().steps.get().worker != "slow"


def test_only_a_row_claimed_alone_counts_a_crash_and_three_make_it_dead(patient):
    live("patient.onboarded", TASK, name="One")
    live("patient.onboarded", TASK, name="Two")
    patient.perform("onboard", by=SYSTEM)
    settle()
    crashes = []
    for _time in range(9):
        if claim(StepRun, "default", 10, worker="doomed"):
            expire_leases()
            reap(StepRun)
        crashes.append(sorted(StepRun.objects.values_list("crashes", flat=True)))
    assert crashes[0] == [0, 0]
    assert [3, 3] in crashes
    assert set(StepRun.objects.values_list("state", "error_code")) == {("failed", "crashed")}


def expire_leases() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_steprun SET lease_until = statement_timestamp() - interval '1 second' "
            "WHERE state = 'running'"
        )


def test_the_most_urgent_lane_goes_first(db):
    order: list[str] = []

    def note(step, given):
        order.append(step.row.lane)
        return Done()

    with actions.temporarily(action("note", note)):
        live("patient.onboarded", {"action": "note"}, name="Bulk", lane="bulk")
        live("patient.onboarded", {"action": "note"}, name="Urgent", lane="interactive")
        live("patient.onboarded", {"action": "note"}, name="Usual")
        PatientFactory().perform("onboard", by=SYSTEM)
        work_off()
    assert order == ["interactive", "default", "bulk"]


def test_a_run_can_be_cancelled_and_does_nothing_more(patient, travel, ops):
    live("patient.onboarded", wait(1, "days"), TASK)
    onboard(patient)
    operate.cancel_run(the_run(), by=Actor.of(ops), reason="Mistake")
    travel(timedelta(days=2))
    work_off()
    assert the_run().state == "cancelled"
    assert story(the_run()) == [("wait_1", QueueState.CANCELLED)]
    assert Task.objects.count() == 0


def test_a_waiting_step_can_be_skipped(patient, ops):
    live("patient.onboarded", wait(1, "days"), TASK)
    onboard(patient)
    operate.skip_step(the_run().steps.get(), by=Actor.of(ops))
    work_off()
    assert story(the_run()) == [("wait_1", "skipped"), ("create_task_1", "done")]


@pytest.mark.parametrize("act", [operate.retry_step, operate.skip_step])
def test_operating_needs_the_permission(patient, nia, act):
    live("patient.onboarded", wait(1, "days"))
    onboard(patient)
    with pytest.raises(NotPermitted):
        act(the_run().steps.get(), by=Actor.of(nia))
    assert story(the_run()) == [("wait_1", "due")]
