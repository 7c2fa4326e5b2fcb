"""My details: patients keep up how they are reached, and nothing else; nobody's edit is lost."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from patients.models import Patient
from tests.portal.conftest import account, said, text_of
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db
DETAILS = "/portal/details/"


def filled_in(answer: Any, **changes: str) -> dict[str, str]:
    """What the browser would send back from that page."""
    form = answer.context["form"]
    data = {bound.html_name: bound.value() or "" for bound in form}
    return data | {"_seen": form.seen_json()} | changes


def now(patient: Patient) -> Patient:
    return Patient.objects.get(pk=patient.pk)


def told(patient: Patient) -> list[tuple[str, str, list[str]]]:
    rows = EventRecord.objects.filter(subject_id=patient.pk, data__has_key="changed").order_by("id")
    return [
        (row.name, row.actor_kind, row.data["changed"]) for row in rows if "user" not in row.data["changed"]
    ]


def test_the_page_tells_what_the_clinic_has(at_portal, ada):
    text = text_of(at_portal(ada).get(DETAILS))
    assert (
        f"Name Ada Abara Date of birth March 14, 1960 Record number {ada.mrn} Clinic Riverside Clinic" in text
    )
    assert "Email ada@mail.example Change the address you sign in with" in text


def test_a_new_phone_number_is_saved_and_told_as_the_patients(at_portal, ada):
    client = at_portal(ada)
    answer = client.post(DETAILS, filled_in(client.get(DETAILS), phone="+1 212 555 0177"), follow=True)
    assert said(answer) == ["Saved. Thank you for keeping your details up to date."]
    assert now(ada).phone == "+1 212 555 0177"
    assert told(ada) == [("patient.contact_updated", "patient", ["phone"])]


def test_saving_what_was_only_looked_at_writes_nothing(at_portal, ada):
    client = at_portal(ada)
    version = now(ada).version
    client.post(DETAILS, filled_in(client.get(DETAILS)))
    assert now(ada).version == version
    assert told(ada) == []


def test_times_follow_the_zone_that_was_chosen(at_portal, ada):
    client = at_portal(ada)
    page = client.get(DETAILS)
    zones = dict(page.context["form"].fields["timezone"].choices)
    assert zones[""] == "The clinic's (America/New York)"
    assert ("America/Argentina/Buenos_Aires", "Argentina, Buenos Aires") in zones["America"]
    client.post(DETAILS, filled_in(page, timezone="Europe/Berlin", language="de"))
    assert (now(ada).timezone, now(ada).language) == ("Europe/Berlin", "de")


def test_a_zone_with_an_old_name_stays_what_it_is(at_portal, ada):
    account(ada)
    ada.timezone = "US/Eastern"
    ada.save()
    client = at_portal(ada)
    client.post(DETAILS, filled_in(client.get(DETAILS), city="Boston"))
    assert (now(ada).timezone, now(ada).city) == ("US/Eastern", "Boston")


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"country": "Germany"}, {"country": ["Ensure this value has at most 2 characters (it has 7)."]}),
        ({"country": "1!"}, {"country": ["Write two letters, such as US, DE or RO."]}),
        ({"country": "ÄÖ"}, {"country": ["Write two letters, such as US, DE or RO."]}),
        ({"country": "ß"}, {"country": ["Write two letters, such as US, DE or RO."]}),
        ({"phone": "1" * 33}, {"phone": ["Ensure this value has at most 32 characters (it has 33)."]}),
        (
            {"timezone": "Mars/Olympus"},
            {"timezone": ["Select a valid choice. Mars/Olympus is not one of the available choices."]},
        ),
        (
            {"language": "xx"},
            {"language": ["Select a valid choice. xx is not one of the available choices."]},
        ),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(at_portal, ada, change, errors):
    client = at_portal(ada)
    answer = client.post(DETAILS, filled_in(client.get(DETAILS), city="Boston", **change))
    assert answer.context["form"].errors == errors
    assert now(ada).city == "New York"
    assert told(ada) == []


def test_a_country_is_written_in_capitals(at_portal, ada):
    client = at_portal(ada)
    client.post(DETAILS, filled_in(client.get(DETAILS), country="de"))
    assert now(ada).country == "DE"


@pytest.mark.parametrize(
    "forged",
    [
        {"first_name": "Eve"}, {"mrn": "X"}, {"birth_date": "2000-01-01"}, {"email": "eve@mail.example"},
        {"state": "deceased"}, {"user": "1"}, {"clinic": "x"}, {"merged_into": "x"}, {"practitioner": "x"},
    ],
)  # fmt: skip
def test_nothing_else_can_be_edited_however_the_form_is_made_up(at_portal, ada, forged):
    client = at_portal(ada)
    page = client.get(DETAILS)
    seen = json.dumps(json.loads(page.context["form"].seen_json()) | dict.fromkeys(forged, ""))
    before = Patient.objects.values().get(pk=ada.pk)
    client.post(DETAILS, filled_in(page, **forged) | {"_seen": seen})
    assert Patient.objects.values().get(pk=ada.pk) == before


def test_what_the_desk_changed_meanwhile_stays(at_portal, ada):
    client = at_portal(ada)
    page = client.get(DETAILS)
    by_desk = now(ada)
    by_desk.city = "Albany"
    by_desk.save()
    client.post(DETAILS, filled_in(page, phone="+1 212 555 0177"))
    assert (now(ada).city, now(ada).phone) == ("Albany", "+1 212 555 0177")


def test_when_both_changed_the_same_the_patient_decides_at_the_field(at_portal, ada):
    client = at_portal(ada)
    page = client.get(DETAILS)
    by_desk = now(ada)
    by_desk.phone = "+1 212 555 0111"
    by_desk.save()
    answer = client.post(DETAILS, filled_in(page, phone="+1 212 555 0177"))
    assert answer.context["form"].errors == {
        "phone": [
            "Somebody else changed this meanwhile. It now says: +1 212 555 0111. Save again to replace it with yours."
        ]
    }
    assert now(ada).phone == "+1 212 555 0111"
    client.post(DETAILS, filled_in(answer, phone="+1 212 555 0177"))
    assert now(ada).phone == "+1 212 555 0177"


def test_a_missing_date_of_birth_can_be_given_once(at_portal, ada):
    account(ada)
    ada.birth_date = None
    ada.save()
    client = at_portal(ada)
    client.post(DETAILS, filled_in(client.get(DETAILS), birth_date="1960-03-14"))
    assert now(ada).birth_date == date(1960, 3, 14)
    client.post(DETAILS, filled_in(client.get(DETAILS), birth_date="1961-03-14"))
    assert now(ada).birth_date == date(1960, 3, 14)


@pytest.mark.parametrize(
    ("by_desk", "words"),
    [
        (
            date(1961, 3, 14),
            "We have another date of birth for you: call us if it is wrong. Everything else is saved.",
        ),
        (date(1960, 3, 14), "Saved. Thank you for keeping your details up to date."),
    ],
)
def test_a_date_of_birth_the_desk_entered_meanwhile_stands(at_portal, ada, by_desk, words):
    ada.birth_date = None
    ada.save()
    client = at_portal(ada)
    sent = filled_in(client.get(DETAILS), birth_date="1960-03-14", city="Albany")
    desk = now(ada)
    desk.birth_date = by_desk
    desk.save()
    assert said(client.post(DETAILS, sent, follow=True)) == [words]
    assert (now(ada).birth_date, now(ada).city) == (by_desk, "Albany")


@pytest.mark.parametrize(
    ("born", "error"),
    [
        ("0196-03-14", "That is too long ago: check the year."),
        ("2960-03-14", "Nobody is born in the future."),
        ("14.3.60", "Write a date, such as 1960-03-14."),
    ],
)
def test_a_slip_in_the_date_of_birth_stands_at_its_field(at_portal, ada, born, error):
    ada.birth_date = None
    ada.save()
    client = at_portal(ada)
    answer = client.post(DETAILS, filled_in(client.get(DETAILS), birth_date=born))
    assert answer.context["form"].errors == {"birth_date": [error]}
    assert now(ada).birth_date is None


def test_the_page_costs_the_same_number_of_queries(at_portal, ada, django_assert_num_queries):
    client = at_portal(ada)
    client.get(DETAILS)
    with django_assert_num_queries(6):
        client.get(DETAILS)
