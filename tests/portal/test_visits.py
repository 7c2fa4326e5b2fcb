"""A patient's visits on the portal: what they read, what they may do, and what stays undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils.formats import date_format

from careops.access.models import AuditEntry
from patients.models import Appointment, Task
from tests.factories.patients import AppointmentFactory, ClinicFactory
from tests.portal.conftest import account, said, text_of, visit_in
from tests.workflows.support import live, work_off
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db


def page(visit: Appointment, move: str = "") -> str:
    return (
        reverse("portal:visit_move", args=[visit.pk, move])
        if move
        else reverse("portal:visit", args=[visit.pk])
    )


def moves_told(visit: Appointment) -> list[tuple[str, str, str]]:
    rows = EventRecord.objects.filter(subject_id=visit.pk, data__has_key="from").order_by("id")
    return list(rows.values_list("name", "actor_kind", "actor_id"))


def state_of(visit: Appointment) -> str:
    return Appointment.objects.values_list("state", flat=True).get(pk=visit.pk)


def cards(answer) -> list[Appointment]:
    return [card.visit for card in answer.context["cards"]]


# ── The lists ─────────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_to_come_stands_in_one_list_and_the_rest_in_the_other(at_portal, ada, ben):
    later, sooner = visit_in(ada, days=9), visit_in(ada, days=2, state="confirmed")
    here = visit_in(ada, minutes=-10, state="checked_in")
    done, missed = visit_in(ada, days=-30, state="completed"), visit_in(ada, days=-60, state="no_show")
    called_off = visit_in(ada, days=5, state="cancelled")
    forgotten = visit_in(ada, days=-2, state="booked")
    left_open = visit_in(ada, days=-3, state="checked_in")
    visit_in(ben, days=2)

    ahead, past = (at_portal(ada).get(reverse(name)) for name in ("portal:visits", "portal:past_visits"))

    assert cards(ahead) == [here, sooner, later]
    assert [card.label for card in ahead.context["cards"]] == ["You are here", "Confirmed", "Please confirm"]
    assert cards(past) == [called_off, forgotten, left_open, done, missed]
    labels = [card.label for card in past.context["cards"]]
    assert labels == ["Cancelled", "Over", "Over", "Completed", "Missed"]
    assert all(not card.moves for card in past.context["cards"])


def test_empty_lists_say_what_to_do_next(at_portal, ada):
    ahead, past = (
        text_of(at_portal(ada).get(reverse(name))) for name in ("portal:visits", "portal:past_visits")
    )
    assert "No visit is planned. Call us at +1 212 555 0100 to book one." in ahead
    assert "No visits yet. After your first one you will find it here." in past


def test_a_long_list_comes_in_pages_and_nonsense_leads_to_one_of_them(at_portal, ada):
    for days in range(1, 13):
        visit_in(ada, days=-days, state="completed")
    client, url = at_portal(ada), reverse("portal:past_visits")
    assert [len(cards(client.get(url, {"page": number}))) for number in ("1", "2", "99", "x")] == [
        10,
        2,
        2,
        10,
    ]
    assert "Page 2 of 2" in text_of(client.get(url, {"page": 2}))


@pytest.mark.parametrize("name", ["portal:visits", "portal:past_visits"])
def test_a_list_takes_as_many_queries_for_twenty_as_for_one(at_portal, ada, name, django_assert_num_queries):
    client = at_portal(ada)
    sign = -1 if "past" in name else 1
    for number in range(1, 21):
        visit_in(ada, days=sign * number)
        if number in (1, 20):
            client.get(reverse(name))  # the session is written at most once in ten seconds
            with django_assert_num_queries(8):
                client.get(reverse(name))


# ── One visit ─────────────────────────────────────────────────────────────────────────────────────────────
def test_a_visits_page_tells_when_by_the_patients_clock_and_with_whom(at_portal, ada):
    ada.timezone = "America/Denver"
    ada.save()
    visit = visit_in(ada, days=3)
    shown = text_of(at_portal(ada).get(page(visit)))
    denver = visit.starts_at.astimezone(ZoneInfo("America/Denver"))
    assert f"{date_format(denver, 'l, F j, Y')}, {date_format(denver, 'TIME_FORMAT')}" in shown
    new_york = visit.starts_at.astimezone(ZoneInfo("America/New_York"))
    assert f"(your time; {date_format(new_york, 'TIME_FORMAT')} at the clinic)" in shown
    assert f"With {visit.practitioner} Internal medicine" in shown
    assert "Where Riverside Clinic +1 212 555 0100" in shown


@pytest.mark.parametrize("zone", ["", "America/Toronto"])
def test_where_both_clocks_agree_one_is_told(at_portal, ada, zone):
    ada.timezone = zone
    ada.save()
    assert "at the clinic)" not in text_of(at_portal(ada).get(page(visit_in(ada, days=3))))


def test_where_it_is_another_day_at_the_clinic_that_day_is_told(at_portal, ada):
    ada.timezone = "Asia/Tokyo"
    ada.save()
    starts = datetime(2026, 3, 10, 22, 0, tzinfo=UTC)
    visit = AppointmentFactory(patient=ada, starts_at=starts, ends_at=starts + timedelta(minutes=30))
    shown = text_of(at_portal(ada).get(page(visit)))
    assert "Wednesday, March 11, 2026, 7 a.m. – 7:30 a.m." in shown
    assert "(your time; Tuesday, March 10, 6 p.m. at the clinic)" in shown


def test_a_visit_that_moved_leads_to_the_new_one(at_portal, ada, system):
    visit = visit_in(ada, days=3)
    visit.perform("reschedule", by=system, starts_at=visit.starts_at + timedelta(days=7))
    answer = at_portal(ada).get(page(visit))
    successor = Appointment.objects.get(rescheduled_from=visit)
    assert "Moved to another time" in text_of(answer)
    assert page(successor) in answer.content.decode()


def test_why_it_was_cancelled_is_the_clinics_own_note(at_portal, ada, system):
    visit = visit_in(ada, days=3)
    visit.perform("cancel", by=system, reason="Rude on the telephone")
    assert "Rude" not in at_portal(ada).get(page(visit)).content.decode()


# ── Confirm and cancel ────────────────────────────────────────────────────────────────────────────────────
def test_one_press_confirms_and_the_event_is_the_patients(at_portal, ada):
    visit = visit_in(ada, days=3)
    answer = at_portal(ada).post(page(visit, "confirm"), follow=True)
    assert state_of(visit) == "confirmed"
    assert moves_told(visit) == [("appointment.confirmed", "patient", str(account(ada).pk))]
    assert answer.redirect_chain == [(page(visit), 302)]
    assert said(answer)[0].startswith("Thank you: your visit on ")


def test_a_confirmation_that_is_sent_twice_is_confirmed_all_the_same(at_portal, ada):
    visit, client = visit_in(ada, days=3), at_portal(ada)
    first, second = (said(client.post(page(visit, "confirm"), follow=True)) for _press in range(2))
    assert second == first
    assert second[0].startswith("Thank you: your visit on ")
    assert moves_told(visit) == [("appointment.confirmed", "patient", str(account(ada).pk))]


def test_cancelling_asks_first_and_takes_a_reason(at_portal, ada):
    visit, client = visit_in(ada, days=3), at_portal(ada)
    asked = client.get(page(visit, "cancel"))
    assert "Would you like to tell us why? (optional)" in text_of(asked)
    assert state_of(visit) == "booked"
    answer = client.post(page(visit, "cancel"), {"reason": "I am travelling"}, follow=True)
    visit = Appointment.objects.get(pk=visit.pk)
    assert (visit.state, visit.cancel_reason) == ("cancelled", "I am travelling")
    assert moves_told(visit) == [("appointment.cancelled", "patient", str(account(ada).pk))]
    assert "is cancelled. Thank you for telling us." in said(answer)[0]


def test_a_reason_that_is_too_long_is_asked_for_again(at_portal, ada):
    visit = visit_in(ada, days=3)
    answer = at_portal(ada).post(page(visit, "cancel"), {"reason": "x" * 201})
    assert answer.context["form"].errors["reason"] == [
        "Ensure this value has at most 200 characters (it has 201)."
    ]
    assert state_of(visit) == "booked"


def test_the_home_page_gets_its_visitor_back_and_no_other_site_does(at_portal, ada):
    client = at_portal(ada)
    for wanted, given in (
        (reverse("portal:home"), reverse("portal:home")),
        ("https://evil.example/", None),
        ("//evil.example/", None),
        ("/\\evil.example/", None),
        ("javascript:alert(1)", None),
    ):
        visit = visit_in(ada, days=3)
        answer = client.post(page(visit, "confirm"), {"next": wanted})
        assert answer["Location"] == (given or page(visit)), wanted


@pytest.mark.parametrize(
    "move", ["check_in", "complete", "mark_no_show", "reschedule", "restore", "perform", "delete", "state"]
)
def test_moves_of_the_clinic_are_unknown_here(at_portal, ada, move):
    for state in ("booked", "checked_in", "cancelled"):
        visit = visit_in(ada, days=3, state=state)
        for method in ("get", "post"):
            answer = getattr(at_portal(ada), method)(page(visit, move), {"starts_at": "2030-01-01T10:00"})
            assert answer.status_code == 404
        assert state_of(visit) == state
        assert moves_told(visit) == []


@pytest.mark.parametrize("move", ["confirm", "cancel"])
@pytest.mark.parametrize("state", ["checked_in", "completed", "cancelled", "no_show"])
def test_what_is_not_possible_any_more_is_a_kind_message(at_portal, ada, move, state):
    visit = visit_in(ada, days=3, state=state)
    for method in ("get", "post"):
        answer = getattr(at_portal(ada), method)(page(visit, move), follow=True)
        assert answer.redirect_chain == [(page(visit), 302)]
        assert said(answer) == [
            "That is not possible any more: something changed meanwhile. This is how it stands now."
        ]
    assert state_of(visit) == state


@pytest.mark.parametrize(("state", "label"), [("booked", "Has begun"), ("confirmed", "Confirmed")])
def test_once_it_began_nobody_is_asked_to_confirm_it(at_portal, ada, state, label):
    visit_in(ada, minutes=-5, state=state)
    answer = at_portal(ada).get(reverse("portal:visits"))
    assert [(card.label, card.moves) for card in answer.context["cards"]] == [(label, ())]


@pytest.mark.parametrize("move", ["confirm", "cancel"])
def test_once_it_began_the_patient_changes_nothing(at_portal, ada, move):
    visit = visit_in(ada, minutes=-1)
    at_portal(ada).post(page(visit, move))
    assert state_of(visit) == "booked"


def test_of_two_who_move_it_at_once_the_later_is_told(at_portal, ada, system, monkeypatch):
    """The desk cancels between Ada's page and her press: the record itself refuses."""
    visit, locked = visit_in(ada, days=3), Appointment.perform

    def overtaken(record, name, **arguments):
        monkeypatch.undo()
        locked(Appointment.objects.get(pk=record.pk), "cancel", by=system)
        return locked(record, name, **arguments)

    monkeypatch.setattr(Appointment, "perform", overtaken)
    answer = at_portal(ada).post(page(visit, "confirm"), follow=True)
    assert state_of(visit) == "cancelled"
    assert "not possible any more" in said(answer)[0]


# ── What follows ──────────────────────────────────────────────────────────────────────────────────────────
def test_an_automation_hears_that_it_was_the_patient(at_portal, ada, system):
    condition = {"fact": "event.actor.kind", "operator": "equals", "value": "patient"}
    live(
        "appointment.cancelled",
        {
            "action": "create_task",
            "parameters": {
                "title": "Offer a new time",
                "assign_to": "role",
                "role": "front desk",
                "priority": "normal",
            },
        },
        conditions={"all": [condition]},
    )
    by_desk, by_ada = visit_in(ada, days=3), visit_in(ada, days=4)
    by_desk.perform("cancel", by=system)
    at_portal(ada).post(page(by_ada, "cancel"), {"reason": "Away"})
    work_off()
    task = Task.objects.get()
    assert (task.title, task.role, task.patient_id) == ("Offer a new time", "front desk", ada.pk)


def test_looking_is_written_down_once_per_page(at_portal, ada):
    one, other = visit_in(ada, days=3), visit_in(ada, days=4)
    client = at_portal(ada)
    client.get(reverse("portal:visits"))
    client.get(page(one))
    rows = AuditEntry.objects.order_by("id")
    assert [(row.act, row.subject_type, row.subject_ids) for row in rows] == [
        ("list", "patients.Appointment", [str(one.pk), str(other.pk)]),
        ("view", "patients.Appointment", [str(one.pk)]),
    ]
    by = {(row.actor_kind, row.actor_id, row.patient_id) for row in rows}
    assert by == {("patient", str(account(ada).pk), ada.pk)}


def test_a_clinic_without_a_telephone_is_not_called(at_portal, ada):
    clinic = ClinicFactory()
    clinic.phone = ""
    clinic.save()
    shown = at_portal(ada).get(reverse("portal:visits")).content.decode()
    assert "tel:" not in shown
