"""The staff area of patients: found quickly, changed by whoever may, and shown to nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from careops.access.models import AuditEntry
from careops.lib import clock
from patients.models import Appointment, CareTeamMember, Message, Notification, Patient, Task, TaskComment
from tests.factories.patients import (
    VISIT,
    AppointmentFactory,
    CareTeamFactory,
    CareTeamMemberFactory,
    MessageFactory,
    NotificationFactory,
    PatientFactory,
    PractitionerFactory,
    TaskFactory,
    UserFactory,
)
from tests.patients.helpers import newest, told
from tests.surfaces.support import filled_in, page

pytestmark = pytest.mark.django_db


def rows(client: Any, model: Any, **narrowed: str) -> set[Any]:
    """What the list shows."""
    options = model._meta
    response = client.get(reverse(f"admin:{options.app_label}_{options.model_name}_changelist"), narrowed)
    assert response.status_code == 200
    return set(response.context_data["cl"].result_list)


# ── Finding ───────────────────────────────────────────────────────────────────────────────────────────────
def test_patients_are_found_by_what_is_at_hand(
    at_desk: Callable[..., Any], nia: Any, ada: Any, ben: Any
) -> None:
    client = at_desk(nia)
    for term in ("aba", "ADA", "ada abara", "Abara Ada", "ada@mail", ada.mrn[:6].lower(), "1960-03-14"):
        assert rows(client, Patient, q=term) == {ada}, term
    assert rows(client, Patient, q="zzz") == set()
    assert rows(client, Patient, q="") == {ada, ben}
    assert AuditEntry.objects.filter(act="list", subject_ids=[str(ada.pk)]).count() == 7


def test_a_patient_is_picked_by_name_and_that_is_audited(
    at_desk: Callable[..., Any], nia: Any, ada: Any, ben: Any
) -> None:
    asked = {"app_label": "patients", "model_name": "appointment", "field_name": "patient", "term": "aba"}
    answer = at_desk(nia).get(reverse("admin:patients_patient_choices"), asked)
    assert answer.json()["results"] == [{"id": str(ada.pk), "text": f"Ada Abara · 03/14/1960 · {ada.mrn}"}]
    entry = AuditEntry.objects.get(act="list")
    assert (entry.actor_id, entry.subject_ids) == (str(nia.pk), [str(ada.pk)])


def test_names_are_picked_by_nobody_who_may_not_see_patients(at_desk: Callable[..., Any], ada: Any) -> None:
    client = at_desk(UserFactory(email="sam@clinic.example"))
    asked = {"app_label": "patients", "model_name": "appointment", "field_name": "patient", "term": "aba"}
    assert client.get(reverse("admin:patients_patient_choices"), asked).status_code == 403


def test_appointments_by_day(at_desk: Callable[..., Any], nia: Any, travel: Any) -> None:
    now = clock.now()
    today = AppointmentFactory(starts_at=now.replace(hour=12))
    tomorrow = AppointmentFactory(starts_at=now.replace(hour=12) + timedelta(days=1))
    past = AppointmentFactory(starts_at=now.replace(hour=12) - timedelta(days=3))
    client = at_desk(nia)
    assert rows(client, Appointment, when="today") == {today}
    assert rows(client, Appointment, when="tomorrow") == {tomorrow}
    assert rows(client, Appointment, when="week") == {today, tomorrow}
    assert rows(client, Appointment, when="past_week") == {past}
    travel(timedelta(days=1))
    assert rows(client, Appointment, when="today") == {tomorrow}


def test_tasks_by_whose_and_when(at_desk: Callable[..., Any], nia: Any) -> None:
    now = clock.now()
    mine = TaskFactory(assignee=nia, due_at=now - timedelta(hours=1))
    member = CareTeamMemberFactory(practitioner=PractitionerFactory(user=nia))
    team = TaskFactory(care_team=member.care_team, due_at=now + timedelta(days=3))
    desk = TaskFactory(role="front desk")
    lena = UserFactory()
    lenas = TaskFactory(assignee=lena, state="completed", due_at=now - timedelta(days=1))
    client = at_desk(nia)
    assert rows(client, Task, whose="mine") == {mine}
    assert rows(client, Task, whose="ours") == {team, desk}
    assert rows(client, Task, whose="nobodys") == {team, desk}
    assert rows(client, Task, whose=str(lena.pk)) == {lenas}
    assert rows(client, Task, due="overdue") == {mine}
    assert rows(client, Task, due="none") == {desk}
    assert team in rows(client, Task, due="week")
    assert rows(client, Task, state__exact="completed") == {lenas}


@pytest.mark.parametrize(
    ("factory", "model"),
    [
        (PatientFactory, Patient),
        (AppointmentFactory, Appointment),
        (TaskFactory, Task),
        (MessageFactory, Message),
    ],
)
def test_a_list_costs_the_same_however_long_it_is(
    factory: Any, model: Any, at_desk: Callable[..., Any], root: Any
) -> None:
    client = at_desk(root)
    counts = []
    for more in (2, 6):
        for _each in range(more):
            team, omar = CareTeamFactory(), PractitionerFactory()
            patient = PatientFactory(care_team=team, practitioner=omar)
            fields = {"care_team": team, "practitioner": omar} if model is Patient else {"patient": patient}
            factory(**fields)
        rows(client, model)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            rows(client, model)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# ── Changing ──────────────────────────────────────────────────────────────────────────────────────────────
def test_the_front_desk_registers_a_patient(at_desk: Callable[..., Any], nia: Any) -> None:
    client = at_desk(nia)
    address = reverse("admin:patients_patient_add")
    clinic = PatientFactory().clinic
    sent = {
        "first_name": "Cleo", "last_name": "Costa", "mrn": "7KQ2-M9TD", "sex": "female", "language": "pt",
        "country": "US", "clinic": str(clinic.pk), "email": "cleo@mail.example",
    }  # fmt: skip
    response = client.post(address, sent | management_forms(client.get(address)))
    assert response.status_code == 302, response.context_data["errors"]
    cleo = Patient.objects.get(mrn="7KQ2-M9TD")
    assert (cleo.full_name, cleo.state) == ("Cleo Costa", "registered")
    assert newest(cleo).actor_id == str(nia.pk)


def management_forms(response: Any) -> dict[str, Any]:
    return {
        formset.formset.management_form[name].html_name: formset.formset.management_form[name].value()
        for formset in response.context["inline_admin_formsets"]
        for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    }


def test_an_appointment_is_moved_by_its_button_only(at_desk: Callable[..., Any], nia: Any) -> None:
    visit = AppointmentFactory()
    client = at_desk(nia)
    shown = client.get(page(visit))
    assert "starts_at" not in shown.context["adminform"].form.fields
    later = VISIT + timedelta(days=7)
    moved = client.post(
        page(visit, "transition", "reschedule"), {"starts_at": later.strftime("%Y-%m-%dT%H:%M")}
    )
    assert moved.status_code == 302
    visit.refresh_from_db()
    assert (visit.state, visit.starts_at, visit.successor.starts_at) == ("cancelled", VISIT, later)


def test_a_record_is_merged_by_its_number(at_desk: Callable[..., Any], ops: Any, ada: Any, ben: Any) -> None:
    client = at_desk(ops)
    refused = client.post(page(ben, "transition", "merge"), {"into": "nobody"})
    assert refused.status_code == 200
    assert client.post(page(ben, "transition", "merge"), {"into": ben.mrn}).status_code == 200
    ben.refresh_from_db()
    assert ben.state == "registered"
    assert client.post(page(ben, "transition", "merge"), {"into": ada.mrn}).status_code == 302
    ben.refresh_from_db()
    assert ben.merged_into == ada
    assert not client.get(page(ben)).context["has_change_permission"]


def test_a_comment_bears_the_name_of_who_wrote_it(at_desk: Callable[..., Any], nia: Any) -> None:
    task = TaskFactory()
    client = at_desk(nia)
    sent = filled_in(client.get(page(task)), **{"comments-TOTAL_FORMS": 1, "comments-0-text": "No answer."})
    response = client.post(page(task), sent)
    assert response.status_code == 302, response.context_data["errors"]
    comment = TaskComment.objects.get()
    assert (comment.text, comment.author, comment.task) == ("No answer.", nia, task)
    assert [name for name, _data in told(comment)] == ["task.commented"]


def test_a_checklist_is_lines_of_text(at_desk: Callable[..., Any], nia: Any) -> None:
    task = TaskFactory(checklist=[{"text": "Call", "done": True}, {"text": "Note", "done": False}])
    client = at_desk(nia)
    shown = client.get(page(task))
    assert filled_in(shown)["checklist"] == "[x] Call\n[ ] Note"
    assert client.post(page(task), filled_in(shown)).status_code == 302
    assert [name for name, _data in told(task)] == ["task.created"]
    sent = filled_in(client.get(page(task)), checklist="[x] Call\r\n[x] Note\r\n\r\nWrite")
    assert client.post(page(task), sent).status_code == 302
    task.refresh_from_db()
    assert [(item["text"], item["done"]) for item in task.checklist] == [
        ("Call", True),
        ("Note", True),
        ("Write", False),
    ]


def test_a_team_gains_and_loses_a_member(at_desk: Callable[..., Any], ops: Any) -> None:
    team, omar = CareTeamFactory(), PractitionerFactory()
    client = at_desk(ops)
    added = filled_in(
        client.get(page(team)), **{"memberships-TOTAL_FORMS": 1, "memberships-0-practitioner": str(omar.pk)}
    )
    assert client.post(page(team), added).status_code == 302
    member = CareTeamMember.objects.get()
    assert (member.care_team, member.practitioner) == (team, omar)
    removed = filled_in(
        client.get(page(team)), **{"memberships-0-id": str(member.pk), "memberships-0-DELETE": "on"}
    )
    assert client.post(page(team), removed).status_code == 302
    assert not CareTeamMember.objects.exists()


def test_a_task_leads_to_what_it_is_about(at_desk: Callable[..., Any], nia: Any) -> None:
    visit = AppointmentFactory()
    task = TaskFactory.build(patient=visit.patient)
    task.about = visit
    task.save()
    assert f'<a href="{page(visit)}">{visit}</a>' in at_desk(nia).get(page(task)).content.decode()


# ── Messages ──────────────────────────────────────────────────────────────────────────────────────────────
def write(client: Any, **fields: Any) -> Any:
    sent = {
        "recipient": "patient",
        "channel": "email",
        "purpose": "care",
        "subject": "Hello",
        "body": "Hello",
    }
    return client.post(reverse("admin:patients_message_add"), sent | fields)


def test_a_message_is_written_and_then_sent(at_desk: Callable[..., Any], nia: Any, ada: Any) -> None:
    client = at_desk(nia)
    assert write(client, patient=str(ada.pk)).status_code == 302
    message = Message.objects.get()
    assert message.state == "draft"
    assert client.post(page(message, "transition", "queue")).status_code == 302
    message.refresh_from_db()
    assert (message.state, message.to_address) == ("queued", "ada@mail.example")


def test_what_a_patient_said_is_written_down_as_received(
    at_desk: Callable[..., Any], nia: Any, ada: Any
) -> None:
    assert write(at_desk(nia), recipient="clinic", patient=str(ada.pk), body="I am late.").status_code == 302
    message = Message.objects.get()
    assert told(message) == [
        ("message.created", {"to": "draft"}),
        ("message.inbound", {"from": "draft", "to": "received"}),
    ]
    assert newest(message).actor_id == str(nia.pk)


def test_a_message_to_nobody_is_not_written(at_desk: Callable[..., Any], nia: Any) -> None:
    assert write(at_desk(nia)).status_code == 200
    assert not Message.objects.exists()


def test_the_senders_moves_are_no_buttons(at_desk: Callable[..., Any], root: Any) -> None:
    message = MessageFactory(state="sending")
    client = at_desk(root)
    assert client.get(page(message)).context["buttons"] == []
    assert client.post(page(message, "transition", "mark_sent")).status_code == 403
    message.refresh_from_db()
    assert message.state == "sending"


# ── Notifications ─────────────────────────────────────────────────────────────────────────────────────────
def test_everybody_sees_their_own_notifications_only(
    at_desk: Callable[..., Any], nia: Any, omar: Any
) -> None:
    nias, omars = NotificationFactory(user=nia), NotificationFactory(user=omar)
    client = at_desk(nia)
    assert rows(client, Notification) == {nias}
    assert client.get(page(omars)).status_code == 404
    assert client.post(page(omars, "transition", "read")).status_code == 404
    omars.refresh_from_db()
    assert omars.state == "unread"


def test_several_notifications_are_read_at_once(at_desk: Callable[..., Any], nia: Any, omar: Any) -> None:
    mine, omars = [NotificationFactory(user=nia) for _each in range(2)], NotificationFactory(user=omar)
    chosen = [str(notice.pk) for notice in (*mine, omars)]
    sent = {"action": "mark_read", "_selected_action": chosen}
    at_desk(nia).post(reverse("admin:patients_notification_changelist"), sent)
    states = set(Notification.objects.values_list("user__first_name", "state"))
    assert states == {("Nia", "read"), ("Omar", "unread")}


# ── The newest records about a patient ───────────────────────────────────────────────────────────────────
def test_a_patients_page_shows_the_newest_records_and_leads_to_them(
    at_desk: Callable[..., Any], nia: Any, ada: Patient
) -> None:
    visit = AppointmentFactory(patient=ada, practitioner=PractitionerFactory(last_name="Okafor"))
    task = TaskFactory(patient=ada, title="Call about the lipid panel <now>")
    TaskFactory(title="Somebody else's")
    shown = at_desk(nia).get(page(ada))
    text = shown.content.decode()
    assert f'<a href="{page(visit)}">{visit}</a>' in text
    assert f'<a href="{page(task)}">{task}</a>' in text
    assert "Okafor" in text
    assert "Call about the lipid panel &lt;now&gt;" in text
    assert "Somebody else" not in text
    assert text.count("None yet.") == 1  # there is no message


def test_saving_a_patient_leaves_the_records_beside_alone(
    at_desk: Callable[..., Any], nia: Any, ada: Patient
) -> None:
    task = TaskFactory(patient=ada, title="Call")
    client = at_desk(nia)
    shown = client.get(page(ada))
    hidden = dict(re.findall(r'type="hidden" name="(tasks-\d[^"]*)" value="([^"]*)"', shown.content.decode()))
    assert hidden == {"tasks-0-id": str(task.pk), "tasks-0-patient": str(ada.pk)}
    answer = client.post(page(ada), filled_in(shown, city="Orono", **{**hidden, "tasks-0-title": "Forged"}))
    assert answer.status_code == 302
    ada.refresh_from_db()
    task.refresh_from_db()
    assert (ada.city, task.title, task.version, task.patient_id) == ("Orono", "Call", 1, ada.pk)


def test_whoever_may_not_see_messages_meets_none_beside_the_patient(
    at_desk: Callable[..., Any], ada: Patient
) -> None:
    MessageFactory(patient=ada, subject="About your lipid panel")
    TaskFactory(patient=ada, title="Call about it")
    reader = UserFactory(is_staff=True)
    seen = ("view_patient", "view_task")
    reader.user_permissions.set(Permission.objects.filter(codename__in=seen))
    text = at_desk(reader).get(page(ada)).content.decode()
    assert "Call about it" in text
    assert "About your lipid panel" not in text
    assert "messages-group" not in text
