"""What automations do about people: exact rows, once however often a step is tried, and only with permission."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail

from careops.access.actor import Actor
from patients.models import Message, Notification, Task
from tests.factories.patients import (
    AppointmentFactory,
    CareTeamFactory,
    ClinicFactory,
    PatientFactory,
    PractitionerFactory,
    UserFactory,
)
from tests.patients.helpers import NOON, AStep, cleaned, told
from tests.workflows.support import live, work_off
from workflows.catalogue import NotPermitted, StepFailed, actions
from workflows.models import Delivery, Run, StepRun

pytestmark = pytest.mark.django_db

CREATE_TASK, SEND_EMAIL, NOTIFY = (
    actions.get(name) for name in ("create_task", "send_email", "send_notification")
)
TASK = {"title": "Call {{ patient.first_name }}", "assign_to": "role", "role": "front desk"}
EMAIL = {
    "to": "patient",
    "subject": "Your visit on {{ appointment.date }}",
    "body": "Dear {{ patient.first_name }}",
}
NOTICE = {"to": "role", "role": "front desk", "title": "{{ subject.reference }}"}


def do(action: Any, step: AStep, **parameters: Any) -> dict[str, Any]:
    return dict(action.run(step, cleaned(action, **parameters)).result)


# ── Create a task ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_task_as_described() -> None:
    visit = AppointmentFactory(patient=PatientFactory(first_name="Ada"))
    result = do(
        CREATE_TASK, AStep(visit), **TASK, description="About {{ subject.reference }}.", due_amount=2,
        due_unit="days", priority="high", checklist="Call\n\n Note the answer ",
    )  # fmt: skip
    task = Task.objects.get()
    assert result == {"type": "patients.Task", "id": str(task.pk)}
    assert (task.title, task.description) == ("Call Ada", f"About {visit}.")
    assert (task.role, task.assignee, task.care_team) == ("front desk", None, None)
    assert (task.due_at, task.priority) == (NOON + timedelta(days=2), "high")
    assert (task.patient, task.about, task.origin) == (visit.patient, visit, "run:1:first")
    assert task.checklist == [{"text": "Call", "done": False}, {"text": "Note the answer", "done": False}]


def test_many_steps_at_once_open_the_same_tasks_as_one_by_one() -> None:
    patients = [PatientFactory(first_name=name) for name in ("Ada", "Ben", "Cleo")]
    given = cleaned(CREATE_TASK, **TASK, due_amount=2, due_unit="days", dedupe_key="call {{ patient.id }}")
    one_by_one, together = (
        [AStep(patient, key=f"run:{kind}:{patient.pk}") for patient in patients]
        for kind in ("single", "many")
    )
    kept = (
        "title",
        "role",
        "due_at",
        "priority",
        "checklist",
        "patient_id",
        "about_type",
        "about_id",
        "state",
    )

    singly = [CREATE_TASK.run(step, given).result["id"] for step in one_by_one]
    tasks = {task.pk: task for task in Task.objects.all()}
    expected = [[getattr(tasks[UUID(pk)], name) for name in kept] for pk in singly]
    assert [
        outcome.result["id"] for outcome in CREATE_TASK.run_many(together, given)
    ] == singly  # one reason, one task
    assert Task.objects.count() == 3
    for task in tasks.values():
        task.perform("cancel", by=Actor.system())

    at_once = [UUID(outcome.result["id"]) for outcome in CREATE_TASK.run_many(together, given)]
    assert [[getattr(Task.objects.get(pk=pk), name) for name in kept] for pk in at_once] == expected
    assert [outcome.result["id"] for outcome in CREATE_TASK.run_many(together, given)] == [
        str(pk) for pk in at_once
    ]
    assert [told(task) for task in Task.objects.filter(pk__in=at_once)] == [
        [("task.created", {"to": "open"})]
    ] * 3


def test_a_step_tried_twice_opens_one_task() -> None:
    ada = PatientFactory()
    assert do(CREATE_TASK, AStep(ada), **TASK) == do(CREATE_TASK, AStep(ada), **TASK)
    assert Task.objects.count() == 1


def test_two_steps_with_one_reason_share_a_task() -> None:
    ada = PatientFactory()
    parameters = {**TASK, "dedupe_key": "call {{ patient.id }}"}
    first = do(CREATE_TASK, AStep(ada, key="run:1:first"), **parameters)
    second = do(CREATE_TASK, AStep(ada, key="run:2:first"), **parameters)
    assert first == second
    assert Task.objects.get().dedupe_key == f"call {ada.pk}"
    assert do(CREATE_TASK, AStep(PatientFactory(), key="run:3:first"), **parameters) != first


def test_whose_a_task_can_be() -> None:
    lena, team = UserFactory(), CareTeamFactory()
    omar = PractitionerFactory(user=UserFactory())
    ada = PatientFactory(care_team=team, practitioner=omar)
    expected = {
        "user": (lena, None, {"user": str(lena.pk)}),
        "care_team": (None, team, {"care_team": str(team.pk)}),
        "patients_care_team": (None, team, {}),
        "practitioner": (omar.user, None, {}),
    }
    for kind, (assignee, care_team, more) in expected.items():
        result = do(CREATE_TASK, AStep(ada, key=kind), title="Call", assign_to=kind, **more)
        task = Task.objects.get(pk=result["id"])
        assert (task.assignee, task.care_team, task.role) == (assignee, care_team, "")


@pytest.mark.parametrize(
    ("kind", "code"), [("patients_care_team", "no_care_team"), ("practitioner", "no_practitioner")]
)
def test_a_task_for_nobody_fails_and_opens_nothing(kind: str, code: str) -> None:
    with pytest.raises(StepFailed) as failed:
        do(CREATE_TASK, AStep(PatientFactory()), title="Call", assign_to=kind)
    assert failed.value.code == code
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("action", "parameters", "field"),
    [
        (CREATE_TASK, {**TASK, "title": "Call {{ patient.nickname }}"}, "title"),
        (CREATE_TASK, {**TASK, "title": "Call\nnow"}, "title"),
        (CREATE_TASK, {**TASK, "role": ""}, "role"),
        (CREATE_TASK, {**TASK, "role": "patient"}, "role"),
        (CREATE_TASK, {**TASK, "assign_to": "user"}, "user"),
        (CREATE_TASK, {**TASK, "assign_to": "somebody"}, "assign_to"),
        (CREATE_TASK, {**TASK, "dedupe_key": "{{ patient.first_name }}"}, "dedupe_key"),
        (CREATE_TASK, {**TASK, "due_amount": -1}, "due_amount"),
        (SEND_EMAIL, {**EMAIL, "subject": ""}, "subject"),
        (SEND_EMAIL, {**EMAIL, "subject": "a\r\nBcc: x@y.example"}, "subject"),
        (SEND_EMAIL, {**EMAIL, "body": "{% include 'x' %}"}, "body"),
        (SEND_EMAIL, {**EMAIL, "to": "role"}, "role"),
        (NOTIFY, {**NOTICE, "to": "patient"}, "to"),
    ],
)  # fmt: skip
def test_what_the_forms_refuse(action: Any, parameters: dict[str, Any], field: str) -> None:
    form = action.form(data=parameters)
    assert not form.is_valid()
    assert list(form.errors) == [field]


# ── Send an email ─────────────────────────────────────────────────────────────────────────────────────────
def test_an_email_to_the_patient() -> None:
    visit = AppointmentFactory(patient=PatientFactory(first_name="Ada", email="ada@mail.example"))
    result = do(SEND_EMAIL, AStep(visit), **EMAIL)
    message = Message.objects.get()
    assert result == {"type": "patients.Message", "id": str(message.pk), "ids": [str(message.pk)]}
    assert (message.subject, message.body) == ("Your visit on March 10, 2026", "Dear Ada")
    assert (message.recipient, message.patient, message.to_address) == (
        "patient",
        visit.patient,
        "ada@mail.example",
    )
    assert (message.state, message.purpose, message.origin) == ("queued", "care", "run:1:first:patient")
    assert Delivery.objects.get().key == f"message:{message.pk}"


def test_a_step_tried_twice_writes_once() -> None:
    visit = AppointmentFactory()
    assert do(SEND_EMAIL, AStep(visit), **EMAIL) == do(SEND_EMAIL, AStep(visit), **EMAIL)
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("patient", "obstacle"),
    [({"email": ""}, "no_address"), ({"state": "inactive"}, "inactive"), ({"state": "deceased"}, "deceased")],
)
def test_who_must_not_be_written_to_is_not_and_the_record_says_why(
    patient: dict[str, str], obstacle: str
) -> None:
    visit = AppointmentFactory(patient=PatientFactory(**patient))
    do(SEND_EMAIL, AStep(visit), **EMAIL)
    message = Message.objects.get()
    assert (message.state, message.obstacle) == ("suppressed", obstacle)
    assert not Delivery.objects.exists()
    assert [name for name, _data in told(message)] == ["message.created", "message.suppressed"]


def test_an_email_to_everybody_in_a_role(nia: Any, omar: Any) -> None:
    visit = AppointmentFactory()
    second = UserFactory(email="nils@clinic.example")
    second.groups.set(nia.groups.all())
    result = do(SEND_EMAIL, AStep(visit), **{**EMAIL, "to": "role", "role": "front desk"})
    addresses = set(Message.objects.values_list("to_address", flat=True))
    assert addresses == {"nia@clinic.example", "nils@clinic.example"}
    assert len(result["ids"]) == 2
    assert Message.objects.filter(recipient="staff", patient=visit.patient, state="queued").count() == 2


def test_an_email_to_the_practitioner_of_the_visit() -> None:
    visit = AppointmentFactory(practitioner=PractitionerFactory(email="om@clinic.example"))
    do(SEND_EMAIL, AStep(visit), **{**EMAIL, "to": "practitioner"})
    message = Message.objects.get()
    assert (message.to_address, message.user, message.recipient) == ("om@clinic.example", None, "staff")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [({"to": "practitioner"}, "no_practitioner"), ({"to": "role", "role": "pharmacist"}, "nobody_in_role")],
)
def test_an_email_to_nobody_fails_and_writes_nothing(parameters: dict[str, str], code: str) -> None:
    with pytest.raises(StepFailed) as failed:
        do(SEND_EMAIL, AStep(PatientFactory()), subject="Hello", body="Hello", **parameters)
    assert failed.value.code == code
    assert not Message.objects.exists()


def test_an_email_needs_the_permission_to_send() -> None:
    step = AStep(AppointmentFactory(), actor=Actor.automation("x", frozenset({"patients.add_message"})))
    with pytest.raises(NotPermitted):
        do(SEND_EMAIL, step, **EMAIL)
    assert not Delivery.objects.exists()


# ── Notify ────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_notification_to_a_role(nia: Any) -> None:
    visit = AppointmentFactory()
    result = do(NOTIFY, AStep(visit), **NOTICE)
    notice = Notification.objects.get()
    assert result["ids"] == [str(notice.pk)]
    assert (notice.user, notice.title, notice.about, notice.patient) == (
        nia,
        str(visit),
        visit,
        visit.patient,
    )
    assert do(NOTIFY, AStep(visit), **NOTICE) == result
    assert Notification.objects.count() == 1


def test_somebody_who_does_not_sign_in_cannot_be_notified() -> None:
    visit = AppointmentFactory(practitioner=PractitionerFactory(user=None))
    with pytest.raises(StepFailed) as failed:
        do(NOTIFY, AStep(visit), to="practitioner", title="Hello")
    assert failed.value.code == "no_account"
    assert not Notification.objects.exists()


# ── What is said and needed ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("action", "parameters", "sentence", "needs"),
    [
        (
            CREATE_TASK, TASK, "create the task “Call {{ patient.first_name }}” for Front desk",
            {"patients.add_task", "patients.view_patient"},
        ),
        (
            SEND_EMAIL, EMAIL, "send the patient the email “Your visit on {{ appointment.date }}”",
            {"patients.add_message", "patients.send_message", "patients.view_appointment", "patients.view_patient"},
        ),
        (
            NOTIFY, NOTICE, "notify everybody in the role “Front desk”: “{{ subject.reference }}”",
            {"patients.add_notification"},
        ),
    ],
)  # fmt: skip
def test_an_action_in_words(action: Any, parameters: dict[str, Any], sentence: str, needs: set[str]) -> None:
    given = cleaned(action, **parameters)
    assert action.says(given) == sentence
    assert action.needs(given, "patients.Appointment") == needs


# ── The whole way, through the engine ─────────────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
def test_from_a_booking_to_a_mail_and_a_task(nia: Any) -> None:
    live("Appointment booked", {"action": "send_email", "parameters": EMAIL},
         {"action": "create_task", "parameters": {**TASK, "assign_to": "user", "user": str(nia.pk)}})  # fmt: skip
    visit = AppointmentFactory(patient=PatientFactory(first_name="Ada", email="ada@mail.example"))
    work_off()
    assert set(StepRun.objects.values_list("state", "error_code")) == {("done", "")}
    assert Run.objects.get(automation__isnull=False).state == "done"
    [sent] = mail.outbox
    assert (sent.to, sent.subject, sent.body) == (
        ["ada@mail.example"],
        "Your visit on March 10, 2026",
        "Dear Ada",
    )
    assert Message.objects.get().state == "sent"
    task = Task.objects.get()
    assert (task.title, task.assignee) == ("Call Ada", nia)
    assert told(visit) == [("appointment.create", {"to": "booked"})]
    notice = Notification.objects.get()  # the built-in reaction
    assert (notice.user, notice.title, notice.about) == (nia, "A task for you: Call Ada", task)


def test_a_clinic_without_patients_has_actions_too(nia: Any) -> None:
    result = do(
        CREATE_TASK,
        AStep(ClinicFactory()),
        title="Check {{ clinic.name }}",
        assign_to="role",
        role="ops admin",
    )
    task = Task.objects.get(pk=result["id"])
    assert (task.title, task.patient) == ("Check Riverside Clinic", None)
