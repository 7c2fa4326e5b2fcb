"""Ada moves to another email address on the account page: the clinic's letters go there, too."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from patients.models import Patient
from tests.access.conftest import mailed_code
from tests.conftest import PASSWORD
from tests.portal.conftest import account, sign_in_as
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db
NEW = "ada.new@mail.example"


def move(patient: Any) -> None:
    """Through allauth's own pages: ask, then type the code that was mailed to the new address."""
    client: Client = sign_in_as(patient)
    EmailAddress.objects.create(user=patient.user, email=patient.user.email, verified=True, primary=True)
    cache.clear()  # rate limits
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/email/", {"email": NEW, "action_add": ""})
    client.post("/accounts/confirm-email/", {"code": mailed_code()})
    patient.user.refresh_from_db()
    assert patient.user.email == NEW


def address_of(patient: Any) -> str:
    return Patient.objects.values_list("email", flat=True).get(pk=patient.pk)


def test_the_clinic_writes_to_the_address_that_was_proven(ada):
    move(ada)
    assert address_of(ada) == NEW
    event = EventRecord.objects.get(name="patient.contact_updated")
    assert (event.actor_kind, event.actor_id) == ("patient", str(ada.user.pk))
    assert event.data == {"changed": ["email"]}


def test_an_address_that_staff_keep_apart_stays(ada):
    account(ada)
    ada.email = "ada.at.work@mail.example"
    ada.save()
    before = EventRecord.objects.count()
    move(ada)
    assert address_of(ada) == "ada.at.work@mail.example"
    assert EventRecord.objects.count() == before


def test_for_a_merged_record_it_is_the_kept_one_that_follows(ada, ben, system):
    account(ada)
    ben.email = ada.email
    ben.save()
    ada.perform("merge", by=system, into=ben)
    ada.refresh_from_db()
    move(ada)
    assert (address_of(ben), address_of(ada)) == (NEW, "ada@mail.example")
