"""Somebody signed up: they say who they are once, and find their records."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from careops.access.models import User
from careops.lib import clock
from patients.models import Patient
from tests.conftest import person
from tests.factories.patients import ClinicFactory
from tests.portal.conftest import said, text_of, visit_in
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db
WELCOME, HOME = "/portal/welcome/", "/portal/"
TOLD = {"first_name": "Ada", "last_name": "Abara", "birth_date": "1960-03-14", "phone": ""}


def newcomer(email: str = "ada@mail.example", verified: bool = True) -> tuple[User, Client]:
    user = person(email, staff=False)
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    client = Client()
    client.force_login(user)
    return user, client


@pytest.fixture
def one_clinic(db: None) -> Any:
    return ClinicFactory()


@pytest.fixture
def two_clinics(one_clinic: Any) -> tuple[Any, Any]:
    return one_clinic, ClinicFactory(
        name="Hillside Clinic", timezone="America/Denver", phone="+1 303 555 0100"
    )


def test_somebody_new_becomes_a_patient_and_is_greeted_by_name(one_clinic):
    user, client = newcomer()
    answer = client.post(WELCOME, TOLD | {"phone": "+1 212 555 0123"}, follow=True)
    ada = Patient.objects.get()
    assert (ada.user, ada.first_name, ada.last_name, ada.birth_date, ada.phone, ada.clinic, ada.email) == (
        user, "Ada", "Abara", date(1960, 3, 14), "+1 212 555 0123", one_clinic, "ada@mail.example",
    )  # fmt: skip
    assert answer.redirect_chain == [(HOME, 302)]
    assert said(answer) == ["Welcome, Ada. Good to have you with us."]
    event = EventRecord.objects.get(name="customer.signup")
    assert (event.actor_kind, event.actor_id) == ("patient", str(user.pk))


def test_somebody_the_clinic_knows_finds_what_is_theirs(ada):
    visit = visit_in(ada, days=2)
    _user, client = newcomer()
    answer = client.post(WELCOME, TOLD, follow=True)
    assert Patient.objects.get() == ada
    assert [todo.url for todo in answer.context["todos"]] == [f"/portal/visits/{visit.pk}/"]


def test_the_only_clinic_is_not_asked_for_and_cannot_be_made_up(one_clinic):
    _user, client = newcomer()
    assert "Your clinic" not in text_of(client.get(WELCOME))
    client.post(WELCOME, TOLD | {"clinic": "00000000-0000-0000-0000-000000000000"})
    assert Patient.objects.get().clinic == one_clinic


def test_of_several_clinics_one_is_chosen(two_clinics):
    _user, client = newcomer()
    text = text_of(client.get(WELCOME))
    assert "Riverside Clinic New York time · +1 212 555 0100" in text
    assert "Hillside Clinic Denver time · +1 303 555 0100" in text
    refused = client.post(WELCOME, TOLD)
    assert refused.context["form"].errors == {"clinic": ["Choose the clinic you want to come to."]}
    assert not Patient.objects.exists()
    client.post(WELCOME, TOLD | {"clinic": str(two_clinics[1].pk)})
    assert Patient.objects.get().clinic == two_clinics[1]


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"first_name": ""}, {"first_name": ["Tell us your first name."]}),
        ({"last_name": "  "}, {"last_name": ["Tell us your last name."]}),
        ({"birth_date": ""}, {"birth_date": ["Tell us when you were born."]}),
        ({"birth_date": "14.3.60"}, {"birth_date": ["Write a date, such as 1960-03-14."]}),
        ({"birth_date": "1860-03-14"}, {"birth_date": ["That is too long ago: check the year."]}),
        (
            {"phone": "1" * 33},
            {"phone": ["Ensure this value has at most 32 characters (it has 33)."]},
        ),
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_is_wrong_stands_at_its_field_and_nobody_is_made(one_clinic, change, errors):
    _user, client = newcomer()
    answer = client.post(WELCOME, TOLD | change)
    assert answer.context["form"].errors == errors
    page = answer.content.decode()
    (name,) = errors
    assert f'id="id_{name}_error"' in page
    assert 'aria-invalid="true"' in page
    assert not Patient.objects.exists()


def test_nobody_is_born_tomorrow(one_clinic):
    _user, client = newcomer()
    tomorrow = (clock.now() + timedelta(days=2)).date()
    answer = client.post(WELCOME, TOLD | {"birth_date": tomorrow.isoformat()})
    assert answer.context["form"].errors == {"birth_date": ["Nobody is born in the future."]}
    assert not Patient.objects.exists()


def test_an_address_that_was_never_confirmed_opens_nothing(ada):
    _user, client = newcomer(verified=False)
    answer = client.post(WELCOME, TOLD)
    assert answer.context["form"].non_field_errors() == ["Confirm your email address first."]
    ada.refresh_from_db()
    assert ada.user is None


def test_a_form_sent_twice_makes_one_patient(one_clinic):
    _user, client = newcomer()
    client.post(WELCOME, TOLD)
    assert client.post(WELCOME, TOLD)["Location"] == HOME
    assert client.get(WELCOME)["Location"] == HOME
    assert Patient.objects.count() == 1


def test_of_two_that_come_at_once_the_second_is_let_in_quietly(one_clinic, monkeypatch):
    """The first one is done between the second one's look at the door and its turn."""
    from patients.portal import welcome

    _user, client = newcomer()
    real = welcome.sign_up

    def overtaken(user, **told):
        monkeypatch.undo()
        real(User.objects.get(pk=user.pk), **told)
        return real(user, **told)

    monkeypatch.setattr(welcome, "sign_up", overtaken)
    assert client.post(WELCOME, TOLD)["Location"] == HOME
    assert Patient.objects.count() == 1


def test_where_there_is_no_clinic_yet_nobody_fills_in_a_form(db):
    _user, client = newcomer()
    text = text_of(client.get(WELCOME))
    assert "We are not ready for new patients yet. Please come back soon." in text
    assert "Continue" not in text


def test_names_the_account_knows_stand_there_already(one_clinic):
    user, client = newcomer()
    user.first_name = "Ada"
    user.save()
    assert client.get(WELCOME).context["form"]["first_name"].value() == "Ada"
