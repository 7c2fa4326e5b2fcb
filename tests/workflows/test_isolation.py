"""One bad event, version, endpoint, message or delivery never stops the others; loops end; people are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from careops.access.actor import Actor
from patients.models import Message, Patient, Task
from tests.factories.patients import MessageFactory, PatientFactory, PractitionerFactory
from tests.lib.servers import recording
from tests.workflows.support import STOP, TASK, live, settle, work_off
from workflows.catalogue import NotPermitted, StepFailed, actions, ops_alert
from workflows.engine import following, operate, steps
from workflows.engine.dispatch import dispatch
from workflows.engine.drain import drain
from workflows.engine.program import program
from workflows.engine.publish import publish
from workflows.models import Delivery, Endpoint, EventRecord, InboundMessage, NonMatch, Run, StepRun
from workflows.models.lease import claim
from workflows.senders import reap_lost

SYSTEM = Actor.system()
MAIL = {
    "action": "send_email",
    "parameters": {"to": "patient", "subject": "Hello", "body": "Sign in, please."},
}


@pytest.fixture
def receiver(settings: Any) -> Any:
    with recording() as server:
        server.answer = (200, {}, b"{}")
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.server_port}"]
        yield server


def endpoint(receiver: Any, **fields: Any) -> Endpoint:
    made = Endpoint(name="Partner", url=f"http://127.0.0.1:{receiver.server_port}/", **fields)
    made.save()
    return made


def onboard(patient: Patient | None = None) -> Patient:
    moved = (patient or PatientFactory()).perform("onboard", by=SYSTEM)
    work_off()
    return moved


def runs() -> list[str]:
    return sorted(run.automation.name for run in Run.objects.filter(version__isnull=False))


def expire(model: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET lease_until = statement_timestamp() - interval '1 s' "
            "WHERE state = 'running'"
        )


# ── Dispatch ────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_event_the_code_does_not_know_any_more_is_parked_and_people_are_told(db):
    patient = PatientFactory()
    stray = EventRecord.objects.create(
        name="patient.forgotten", subject_type="patients.Patient", subject_id=patient.pk, actor_kind="system"
    )
    live("patient.onboarded", STOP, name="Innocent")
    onboard(patient)
    stray.refresh_from_db()
    assert stray.position is not None
    assert NonMatch.objects.get(event=stray).verdicts == [{"refused": "broken", "error": "UnknownName"}]
    assert Task.objects.filter(dedupe_key=f"alert:event-broken:{stray.pk}").count() == 1
    assert runs() == ["Innocent"]


def test_a_version_the_code_cannot_read_any_more_stops_no_other(db):
    bad = live("patient.onboarded", STOP, name="Bad")
    bad.definition["conditions"] = {"all": [{"fact": "patient.gone", "operator": "is_true"}]}
    bad.save()
    program.cache_clear()
    live("patient.onboarded", STOP, name="Innocent")
    onboard()
    assert runs() == ["Innocent"]
    assert Task.objects.filter(dedupe_key=f"alert:version-unreadable:{bad.automation_id}").count() == 1


def test_an_endpoint_that_cannot_be_read_stops_nothing(db, receiver):
    Endpoint(name="Odd", url="https://x.example", subscriptions={"not": "a list"}).save()
    Endpoint(
        name="Strange", url="https://x.example", vocabulary="klingon", subscriptions=["patient.onboarded"]
    ).save()
    live("patient.onboarded", STOP, name="Innocent")
    onboard()
    assert runs() == ["Innocent"]


def test_a_moment_nobody_could_read_back_is_never_recorded(db):
    patient = PatientFactory()
    with pytest.raises(ValueError, match="cannot have happened then"):
        patient.perform("onboard", by=SYSTEM, occurred_at=datetime(9999, 12, 31, tzinfo=UTC))


def test_a_batch_of_events_costs_a_constant_number_of_queries(db, receiver, django_assert_max_num_queries):
    endpoint(receiver, subscriptions=["patient.onboarded"])
    live("patient.onboarded", STOP)
    for _one in range(30):
        PatientFactory().perform("onboard", by=SYSTEM)
    with django_assert_max_num_queries(26):
        dispatch()
        following.work("test")


# ── Loops ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_loop_through_failing_steps_and_their_alarms_ends(db):
    live("task.created", MAIL)  # operations' own tasks have no patient: every step fails and opens a task
    Task(title="t", role="ops admin").save()
    for _turn in range(40):
        work_off()
    assert Task.objects.count() <= 12


def test_a_loop_through_messages_that_were_sent_ends(db, mailoutbox):
    live("message.sent", MAIL)
    MessageFactory(state="draft").perform("queue", by=SYSTEM)
    for _turn in range(20):
        work_off()
    assert len(mailoutbox) <= 10


# ── Steps ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def broken_mail(monkeypatch: Any) -> Any:
    real = actions.get("send_email")

    def refuse(step: Any, given: Any) -> Any:
        raise StepFailed("no", "It cannot be.")

    monkeypatch.setitem(actions._entries, "send_email", replace(real, run=refuse))
    return lambda: monkeypatch.setitem(actions._entries, "send_email", real)


def first_step() -> StepRun:
    return StepRun.objects.get(run__version__isnull=False, position=1)


@pytest.mark.parametrize("act", [operate.retry_step, operate.skip_step])
def test_a_failed_step_that_the_run_went_on_without_can_still_be_operated(db, ops, broken_mail, act):
    waits = {"action": "wait", "parameters": {"amount": 900, "unit": "days"}}
    live("patient.onboarded", {**MAIL, "on_failure": "continue"}, waits, STOP)
    onboard()
    broken_mail()
    act(first_step(), by=Actor.of(ops))
    work_off()
    assert first_step().state == ("done" if act is operate.retry_step else "skipped")
    assert Run.objects.get(version__isnull=False).state == "running"


def test_a_failed_step_of_a_run_that_is_done_can_be_retried(db, ops, broken_mail, mailoutbox):
    live("patient.onboarded", {**MAIL, "on_failure": "continue"}, TASK)
    onboard()
    assert Run.objects.get(version__isnull=False).state == "done"
    broken_mail()
    operate.retry_step(first_step(), by=Actor.of(ops))
    work_off()
    assert (first_step().state, len(mailoutbox)) == ("done", 1)
    assert Run.objects.get(version__isnull=False).state == "done"


def test_a_paused_automations_runs_wait_where_they_are(db, travel):
    version = live("patient.onboarded", {"action": "wait", "parameters": {"amount": 1, "unit": "days"}}, TASK)
    onboard()
    paused = version.automation.perform("pause", by=SYSTEM)
    travel(timedelta(days=2))
    work_off()
    assert Task.objects.count() == 0
    waiting = StepRun.objects.get(run__version=version)
    assert (waiting.state, waiting.lease_until, waiting.rested, len(waiting.log)) == ("paused", None, True, 1)
    assert claim(StepRun, "default", 10, worker="test") == []  # out of the queue, so nobody stumbles over it
    paused.perform("resume", by=SYSTEM)
    work_off()
    assert Task.objects.count() == 1


@pytest.mark.parametrize("way_out", ["publish", "archive"])
def test_what_fell_due_during_a_pause_is_fetched_whichever_way_the_pause_ends(db, travel, way_out):
    version = live("patient.onboarded", {"action": "wait", "parameters": {"amount": 1, "unit": "days"}}, TASK)
    onboard()
    paused = version.automation.perform("pause", by=SYSTEM)
    travel(timedelta(days=2))
    work_off()
    if way_out == "publish":
        publish(paused, by=SYSTEM)
    else:
        paused.perform("archive", by=SYSTEM)
    work_off()
    assert Task.objects.count() == (1 if way_out == "publish" else 0)
    assert Run.objects.get(version=version).state == ("done" if way_out == "publish" else "cancelled")


def test_steps_at_the_same_place_are_carried_out_together(db, django_assert_max_num_queries):
    live("patient.onboarded", TASK)
    patients = [PatientFactory().perform("onboard", by=SYSTEM) for _one in range(12)]
    settle()
    with django_assert_max_num_queries(25):
        steps.work("default", "test")
    tasks = {task.patient_id: task for task in Task.objects.all()}
    assert set(tasks) == {patient.pk for patient in patients}
    for event in EventRecord.objects.filter(name="task.created").select_related("caused_by__event"):
        assert event.caused_by.event.patient_id == event.patient_id  # each because of its own run
        assert (event.depth, event.actor_kind) == (1, "automation")
    assert set(Run.objects.filter(version__isnull=False).values_list("state", flat=True)) == {"done"}


def test_one_step_that_cannot_be_carried_out_spoils_no_neighbour(db):
    called = {**TASK["parameters"], "title": "Call {{ practitioner.name }}"}
    live("patient.onboarded", {"action": "create_task", "parameters": called})
    patients = [
        PatientFactory(practitioner=None if number == 3 else PractitionerFactory()).perform(
            "onboard", by=SYSTEM
        )
        for number in range(6)
    ]
    work_off()
    assert {task.patient_id for task in Task.objects.filter(title__startswith="Call ")} == {
        patient.pk for patient in patients if patient.practitioner_id
    }
    failed = StepRun.objects.get(state="failed")
    assert (failed.error_code, failed.run.patient_id) == ("text_missing", patients[3].pk)


def test_tasks_of_one_batch_for_the_same_reason_are_one(db):
    same = {**TASK["parameters"], "dedupe_key": "call {{ event.name }}"}
    live("patient.onboarded", {"action": "create_task", "parameters": same})
    for _one in range(5):
        PatientFactory().perform("onboard", by=SYSTEM)
    work_off()
    (task,) = Task.objects.filter(dedupe_key="call patient.onboarded")
    results = StepRun.objects.filter(run__version__isnull=False).values_list("result", flat=True)
    assert list(results) == [{"type": "patients.Task", "id": str(task.pk)}] * 5


def test_an_archived_automations_runs_are_cancelled_when_they_fall_due(db, travel):
    version = live("patient.onboarded", {"action": "wait", "parameters": {"amount": 1, "unit": "days"}}, TASK)
    onboard()
    version.automation.perform("pause", by=SYSTEM).perform("archive", by=SYSTEM)
    travel(timedelta(days=2))
    work_off()
    assert Task.objects.count() == 0
    assert Run.objects.get(version__isnull=False).state == "cancelled"


def test_a_condition_is_asked_again_when_a_wait_is_over(db, travel):
    still = {"all": [{"fact": "patient.state", "operator": "equals", "value": "onboarded"}]}
    waits = {
        "action": "wait",
        "parameters": {"amount": 1, "unit": "days"},
        "only_if": still,
        "otherwise": "stop",
    }
    live("patient.onboarded", waits, TASK)
    patient = onboard()
    Patient.objects.get(pk=patient.pk).perform("deactivate", by=SYSTEM)
    travel(timedelta(days=2))
    work_off()
    assert Task.objects.count() == 0


def test_a_wait_may_be_aimed_at_a_date_and_a_time_of_day(db):
    live(
        "patient.onboarded",
        {"action": "wait", "parameters": {
            "amount": 1, "unit": "days", "field": "patient.birth_date", "time_of_day": "09:00"}},
        TASK,
    )  # fmt: skip
    onboard()
    assert first_step().state == "done"


def test_cancelling_a_run_calls_its_webhook_back(db, receiver, travel, ops):
    receiver.answer = (503, {}, b"")
    partner = endpoint(receiver)
    live("patient.onboarded", {"action": "call_webhook", "parameters": {"endpoint": str(partner.pk)}})
    onboard()
    assert len(receiver.seen) == 1
    operate.cancel_run(Run.objects.get(version__isnull=False), by=Actor.of(ops))
    travel(timedelta(hours=1))
    work_off()
    assert (len(receiver.seen), Delivery.objects.get(channel="webhook").state) == (1, "cancelled")


def test_a_retried_step_finds_that_its_webhook_was_delivered_meanwhile(db, receiver, ops):
    receiver.answer = (410, {}, b"")
    partner = endpoint(receiver)
    live("patient.onboarded", {"action": "call_webhook", "parameters": {"endpoint": str(partner.pk)}})
    onboard()
    receiver.answer = (200, {}, b"{}")
    Endpoint.objects.get(pk=partner.pk).perform("resume", by=SYSTEM)
    operate.send_again(Delivery.objects.get(channel="webhook"), by=Actor.of(ops))
    work_off()
    operate.retry_step(first_step(), by=Actor.of(ops))
    work_off()
    assert (first_step().state, Run.objects.get(version__isnull=False).state) == ("done", "done")


# ── Deliveries ──────────────────────────────────────────────────────────────────────────────────────────────
def test_an_email_sent_again_whose_worker_dies_stops_nobody(db, ops, mailoutbox):
    message = MessageFactory(state="draft").perform("queue", by=SYSTEM)
    claim(Delivery, "default", 9, worker="w", durable=True)
    expire(Delivery)
    reap_lost()
    operate.send_again(Delivery.objects.get(), by=Actor.of(ops))
    claim(Delivery, "default", 9, worker="w", durable=True)
    expire(Delivery)
    other = MessageFactory(state="draft").perform("queue", by=SYSTEM)
    drain("send", until_empty=True, seconds=5)
    assert Delivery.objects.get(subject_id=message.pk).state == "held"
    assert Message.objects.get(pk=other.pk).state == "sent"
    assert len(mailoutbox) == 1


def test_an_answer_the_database_cannot_keep_undoes_nothing(db, receiver):
    receiver.answer = (200, {}, b'{"note": "\\u0000"}')
    endpoint(receiver, subscriptions=["patient.onboarded"])
    onboard()
    assert (Delivery.objects.get().state, Delivery.objects.get().result, len(receiver.seen)) == (
        "done",
        {"body": None},
        1,
    )


def test_deliveries_to_an_endpoint_that_is_switched_off_wait_for_it(db, receiver):
    partner = endpoint(receiver, subscriptions=["patient.onboarded"]).perform("disable", by=SYSTEM)
    onboard()
    assert Delivery.objects.get().state == "due"
    partner.perform("resume", by=SYSTEM)
    work_off()
    assert Delivery.objects.get().state == "done"


def test_what_was_sent_for_certain_is_not_sent_again_where_nobody_could_tell(db, ops, mailoutbox):
    MessageFactory(state="draft").perform("queue", by=SYSTEM)
    work_off()
    with pytest.raises(operate.NotPossible):
        operate.send_again(Delivery.objects.get(), by=Actor.of(ops))
    assert len(mailoutbox) == 1


# ── Queues ──────────────────────────────────────────────────────────────────────────────────────────────────
def inbound(name: str, **fields: Any) -> InboundMessage:
    message = InboundMessage(source="junction", message_id=name, body_hash="h", body="{}", **fields)
    message.save(force_insert=True)
    return message


def test_rows_that_must_be_worked_on_alone_do_not_starve_in_a_busy_lane(db):
    inbound("lone", alone=True)
    claimed: list[str] = []
    for number in range(8):
        inbound(f"other {number}")
        claimed += [row.message_id for row in claim(InboundMessage, "default", 1, worker="w")]
    assert "lone" in claimed


def test_a_message_that_took_its_worker_down_three_times_is_reported(db):
    message = inbound("deadly", state="running", alone=True, crashes=2)
    expire(InboundMessage)
    drain("bulk", until_empty=True, seconds=5)
    message.refresh_from_db()
    assert message.state == "failed"
    assert Task.objects.filter(dedupe_key=f"alert:inbound-dead:{message.pk}").count() == 1


def test_a_malformed_message_can_be_read_again_after_the_reader_was_mended(db, ops, nia):
    message = inbound("odd")
    work_off()
    message.refresh_from_db()
    assert message.verdict == "malformed"
    with pytest.raises(NotPermitted):
        operate.read_again(message, by=Actor.of(nia))
    assert operate.read_again(message, by=Actor.of(ops)).state == "due"


def test_an_alarm_is_raised_again_once_the_first_is_over(db, system):
    for _time in range(2):
        ops_alert(key="k", title="T", detail="D")
    assert Task.objects.count() == 1
    Task.objects.get().perform("complete", by=system)
    ops_alert(key="k", title="T", detail="D")
    assert Task.objects.count() == 2
