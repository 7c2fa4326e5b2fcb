"""Somebody who signs up gets one record: the one the clinic has of them, else a new one."""

from __future__ import annotations

from datetime import date

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError

from careops.access.models import User
from patients.models import Clinic, Patient
from patients.services.signing_up import sign_up
from tests.conftest import person
from tests.factories.patients import ClinicFactory, PatientFactory
from tests.patients.helpers import told
from workflows.models import EventRecord

BORN = date(1960, 3, 14)


def newcomer(email: str = "ada@mail.example", verified: bool = True) -> User:
    user = person(email, staff=False)
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    return user


def join(user: User, **changes: object) -> Patient:
    details = {"first_name": "Ada", "last_name": "Abara", "birth_date": BORN} | changes
    details.setdefault("clinic", Clinic.objects.first() or ClinicFactory())
    return sign_up(user, **details)


def test_somebody_new_becomes_a_patient_who_signed_up_by_themselves(db):
    user = newcomer()
    ada = join(user, phone="+1 207 555 0101")
    assert (ada.user, ada.email, ada.phone, ada.state) == (
        user,
        "ada@mail.example",
        "+1 207 555 0101",
        "registered",
    )
    assert told(ada) == [("customer.signup", {"to": "registered"})]
    event = EventRecord.objects.get(name="customer.signup")
    assert (event.actor_kind, event.actor_id, event.patient_id) == ("patient", str(user.pk), ada.pk)
    user.refresh_from_db()
    assert (user.first_name, user.last_name) == ("Ada", "Abara")
    assert User.objects.get(pk=user.pk).patient_id == ada.pk


def test_somebody_the_clinic_knows_gets_their_own_record(ada):
    user = newcomer()
    joined = join(user, last_name="ABARA")
    assert joined.pk == ada.pk
    assert Patient.objects.count() == 1
    assert [name for name, _data in told(ada)] == ["customer.created", "patient.account_linked"]
    ada.refresh_from_db()
    assert (ada.user, ada.last_name) == (user, "Abara")


@pytest.mark.parametrize(
    "change", [{"last_name": "Other"}, {"birth_date": date(1960, 3, 15)}], ids=["name", "birth date"]
)
def test_a_record_that_differs_is_somebody_elses(ada, change):
    joined = join(newcomer(), **change)
    assert joined.pk != ada.pk
    ada.refresh_from_db()
    assert ada.user is None


def test_a_record_somebody_signs_in_as_already_is_not_given_away(ada):
    first = join(newcomer())
    assert first.pk == ada.pk
    first = Patient.objects.get(pk=ada.pk)
    first.user.email = "ada.old@mail.example"
    first.user.save()
    EmailAddress.objects.filter(user=first.user).update(email=first.user.email)
    assert join(newcomer()).pk != ada.pk


def test_between_two_records_that_fit_nobody_guesses(ada):
    twin = PatientFactory(first_name="Ada", last_name="Abara", email="ada@mail.example", birth_date=BORN)
    assert join(newcomer()).pk not in (ada.pk, twin.pk)
    assert Patient.objects.count() == 3


@pytest.mark.parametrize("who", ["staff", "unverified", "signed up already"])
def test_who_may_not_sign_up_changes_nothing(db, nia, who):
    user = nia if who == "staff" else newcomer(verified=who != "unverified")
    if who == "signed up already":
        join(user)
    clinic = Clinic.objects.first() or ClinicFactory()
    before = (Patient.objects.count(), EventRecord.objects.count())
    with pytest.raises(ValidationError):
        join(user, clinic=clinic)
    assert (Patient.objects.count(), EventRecord.objects.count()) == before


def test_a_merged_record_leads_to_the_one_that_was_kept(ada, ben, system):
    user = newcomer("ada@mail.example")
    join(user)
    Patient.objects.get(pk=ada.pk).perform("merge", by=system, into=ben)
    assert User.objects.get(pk=user.pk).patient_id == ben.pk
