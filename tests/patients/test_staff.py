"""Clinics, practitioners and care teams: who we are, where and when."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from patients.models.clinic import validate_holidays, validate_opening_hours, working_week
from patients.models.practitioner import validate_npi
from tests.factories.patients import (
    CareTeamFactory,
    CareTeamMemberFactory,
    ClinicFactory,
    PractitionerFactory,
    UserFactory,
)
from tests.patients.helpers import told
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "hours",
    [{"monday": []}, {"mon": [["9", "17"]]}, {"mon": [["17:00", "09:00"]]}, {"mon": [["09:00"]]}, [], {"mon": None},
     {"mon": [["09:00", "12:00"], ["11:00", "17:00"]]}],
)  # fmt: skip
def test_impossible_hours_are_refused(hours: object) -> None:
    with pytest.raises(ValidationError):
        validate_opening_hours(hours)


def test_possible_hours_are_accepted() -> None:
    validate_opening_hours(working_week())
    validate_opening_hours({"sat": [["09:00", "12:00"], ["13:00", "15:00"]], "sun": []})


@pytest.mark.parametrize("days", [["25.12.2026"], [20261225], "2026-12-25", None])
def test_impossible_holidays_are_refused(days: object) -> None:
    with pytest.raises(ValidationError):
        validate_holidays(days)


def test_a_clinic_writes_in_its_own_name() -> None:
    clinic = ClinicFactory()
    assert clinic.sender == "Riverside Clinic <hello@riverside.example>"
    clinic.sender_name, clinic.sender_email = "Riverside Desk", ""
    assert clinic.sender == "Riverside Desk <clinic@careops.example>"


def test_clinics_and_practitioners_tell_of_themselves() -> None:
    clinic, omar = ClinicFactory(), PractitionerFactory()
    clinic.phone, omar.specialty = "+1 212 555 0101", "Cardiology"
    clinic.save()
    omar.save()
    assert told(clinic) == [("clinic.created", {}), ("clinic.updated", {"changed": ["phone"]})]
    assert told(omar) == [("practitioner.created", {}), ("practitioner.updated", {"changed": ["specialty"]})]


@pytest.mark.parametrize("npi", ["1234567893", "1003000126"])
def test_provider_numbers_that_check(npi: str) -> None:
    validate_npi(npi)


@pytest.mark.parametrize("npi", ["1234567894", "123456789", "3234567893", "12345678931", "abcdefghij"])
def test_provider_numbers_that_do_not(npi: str) -> None:
    with pytest.raises(ValidationError):
        validate_npi(npi)


def test_a_practitioner_is_reached_by_their_own_address_or_their_users() -> None:
    user = UserFactory(email="omar@clinic.example")
    assert PractitionerFactory(email="om@private.example", user=user).address == "om@private.example"
    assert (
        PractitionerFactory(email="", user=UserFactory(email="o2@clinic.example")).address
        == "o2@clinic.example"
    )
    assert PractitionerFactory(email="").address == ""


def test_joining_and_leaving_a_team_are_events() -> None:
    team = CareTeamFactory(name="Heart")
    team.name = "Cardiology"
    team.save()
    member = CareTeamMemberFactory(care_team=team)
    assert list(team.members.all()) == [member.practitioner]
    pk = member.pk
    member.delete()
    assert list(team.members.all()) == []
    assert told(team) == [("care_team.created", {}), ("care_team.updated", {"changed": ["name"]})]
    of_member = EventRecord.objects.filter(subject_id=pk).order_by("id")
    assert [event.name for event in of_member] == ["care_team.member_added", "care_team.member_removed"]
