"""Transition pages: what a person may not do stays undone, however the request is made up."""

from __future__ import annotations

import uuid

import pytest

from careops.access.actor import Actor
from patients.models import Task
from tests.factories.orders import OrderFactory
from tests.factories.patients import AppointmentFactory, TaskFactory
from tests.surfaces.support import page
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db


def moved(record) -> bool:
    now = type(record)._base_manager.get(pk=record.pk)
    return now.state != record.state or now.version != record.version


def moves_told(record) -> int:
    return EventRecord.objects.filter(subject_id=record.pk, data__has_key="from").count()


@pytest.mark.parametrize("person", ["nia", "omar", "lena", "pia", "olga", "root"])
@pytest.mark.parametrize("move", ["confirm", "check_in", "mark_no_show", "reschedule", "cancel", "complete"])
def test_a_forged_post_does_what_the_record_allows_and_nothing_else(at_desk, request, person, move):
    """Every persona sends every move of an appointment: performed exactly when legal and permitted."""
    user = request.getfixturevalue(person)
    visit = AppointmentFactory()
    needs = visit.move(move).needs
    permitted = user.has_perm("patients.view_appointment") and user.has_perm(needs)
    legal = move in {legal.name for legal in visit.legal_moves()}

    answer = at_desk(user).post(
        page(visit, "transition", move), {"reason": "", "starts_at": "2026-03-12T10:00"}
    )

    assert answer.status_code == (302 if permitted else 403)
    assert moved(visit) is (permitted and legal)
    assert moves_told(visit) == int(permitted and legal)


@pytest.mark.parametrize("move", ["confirm", "cancel"])
def test_a_patient_gets_nowhere_in_the_staff_area(at_desk, move):
    from careops.access.models import User

    patient = User.objects.create_user("p@mail.example", "correct-horse-battery-staple")
    visit = AppointmentFactory()
    answer = at_desk(patient).post(page(visit, "transition", move), follow=True)
    assert answer.status_code == 403
    assert not moved(visit)


def test_a_stranger_is_sent_to_the_sign_in_page(client):
    visit = AppointmentFactory()
    answer = client.post(page(visit, "transition", "confirm"), follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/login/"
    assert not moved(visit)


def test_without_a_token_nothing_happens(at_desk, nia):
    task = TaskFactory()
    strict = at_desk(nia, enforce_csrf_checks=True)
    assert strict.post(page(task, "transition", "complete")).status_code == 403
    assert not moved(task)


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch", "options"])
def test_only_post_acts(at_desk, nia, method):
    task = TaskFactory()
    getattr(at_desk(nia), method)(page(task, "transition", "complete"))
    assert not moved(task)


def test_asking_shows_the_form_and_a_way_back(at_desk, nia):
    task = TaskFactory()
    answer = at_desk(nia).get(page(task, "transition", "cancel"))
    assert answer.status_code == 200
    assert "reason" in answer.context["form"].fields
    assert page(task) in answer.content.decode()


def test_a_move_takes_what_the_form_says(at_desk, nia):
    task = TaskFactory()
    answer = at_desk(nia).post(page(task, "transition", "cancel"), {"reason": "Asked twice"}, follow=True)
    now = Task.objects.get(pk=task.pk)
    assert (now.state, now.cancel_reason) == ("cancelled", "Asked twice")
    said = str(next(iter(answer.context["messages"])))
    assert said == f"{task} is now “cancelled”."
    assert "Call back" not in said


def test_a_form_that_is_wrong_is_shown_again(at_desk, nia):
    visit = AppointmentFactory()
    answer = at_desk(nia).post(page(visit, "transition", "reschedule"), {"starts_at": "soon"})
    assert answer.status_code == 200
    assert answer.context["form"].errors["starts_at"]
    assert not moved(visit)


def test_what_the_record_has_against_a_move_stands_in_the_form(at_desk, root, ada):
    answer = at_desk(root).post(page(ada, "transition", "merge"), {"into": ada.mrn})
    assert answer.status_code == 200
    assert answer.context["form"].non_field_errors()
    assert not moved(ada)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_move_that_is_not_possible_now_is_a_message(at_desk, nia, method):
    task = TaskFactory()
    task.perform("complete", by=Actor.system())
    answer = getattr(at_desk(nia), method)(page(task, "transition", "start"), follow=True)
    assert answer.redirect_chain == [(page(task), 302)]
    assert "Possible now" in str(next(iter(answer.context["messages"])))


def test_unknown_move_and_unknown_record_are_404(at_desk, root):
    task = TaskFactory()
    assert at_desk(root).post(page(task, "transition", "explode")).status_code == 404
    assert at_desk(root).post(page(task, "transition", "perform")).status_code == 404
    gone = Task(pk=uuid.uuid4())
    assert at_desk(root).post(page(gone, "transition", "complete")).status_code == 404
    assert at_desk(root).get(page(gone)).status_code == 404


def test_a_record_out_of_scope_is_404(at_desk, nia, monkeypatch):
    from django.contrib import admin

    theirs, ours = TaskFactory(), TaskFactory()
    task_admin = admin.site._registry[Task]
    monkeypatch.setattr(type(task_admin), "scope", lambda self, request: Task.objects.filter(pk=ours.pk))
    client = at_desk(nia)

    assert client.post(page(theirs, "transition", "complete")).status_code == 404
    assert client.get(page(theirs)).status_code == 404
    assert client.get(page(theirs, "timeline")).status_code == 404
    assert not moved(theirs)
    assert client.post(page(ours, "transition", "complete")).status_code == 302


def test_a_move_not_offered_to_people_is_refused_to_all_of_them(at_desk, root):
    from workflows.models import Automation

    automation = Automation.objects.create(name="Greet", trigger="customer.created")
    assert at_desk(root).post(page(automation, "transition", "publish")).status_code == 403
    assert not moved(automation)


def test_buttons_are_the_moves_one_may_make(at_desk, nia, lena):
    visit = AppointmentFactory()
    offered = {button.label for button in at_desk(nia).get(page(visit)).context["buttons"]}
    assert offered == {"Confirm", "Check in", "Move to another time", "Did not come", "Cancel"}
    order = OrderFactory()
    assert at_desk(nia).get(page(order)).context["buttons"] == []


def test_a_harmless_move_is_one_button_and_a_grave_one_a_link_that_asks(at_desk, nia):
    html = at_desk(nia).get(page(AppointmentFactory())).content.decode()
    assert '<button type="submit" class="co-button' in html
    assert "Cancel…</a>" in html
