"""Patients: their states, who may change them, merging two records of one person."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from careops.access.actor import Actor
from patients.models import Patient
from tests.factories.patients import AppointmentFactory, PatientFactory, TaskCommentFactory, TaskFactory
from tests.patients.helpers import told
from workflows.catalogue import IllegalTransition, NotPermitted
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db


def test_registering_is_told_once_by_every_vocabularys_name() -> None:
    ada = PatientFactory()
    ada.save()
    assert told(ada) == [("customer.created", {"to": "registered"})]
    assert EventRecord.objects.get(subject_id=ada.pk).patient_id == ada.pk


def test_an_edit_names_the_fields_and_no_values() -> None:
    ada = PatientFactory()
    ada.last_name, ada.city = "Abara-Lee", "Boston"
    ada.save()
    assert told(ada)[-1] == ("customer.updated", {"changed": ["city", "last_name"]})


def test_a_new_way_to_reach_a_patient_is_told_by_itself() -> None:
    ada = PatientFactory(phone="+1 207 555 0100")
    ada.phone = "+1 207 555 0199"
    ada.save()
    assert told(ada)[1:] == [("patient.contact_updated", {"changed": ["phone"]})]
    ada.phone, ada.city = "", "Bangor"
    ada.save()
    assert told(ada)[2:] == [
        ("patient.contact_updated", {"changed": ["phone"]}),
        ("customer.updated", {"changed": ["city"]}),
    ]


def test_the_way_through_the_clinic(omar: object) -> None:
    ada, by = PatientFactory(), Actor.of(omar)
    ada = ada.perform("onboard", by=by)
    ada = ada.perform("deactivate", by=by)
    ada = ada.perform("reactivate", by=by)
    ada = ada.perform("record_death", by=by, deceased_on=date(2026, 2, 1))
    assert (ada.state, ada.deceased_on) == ("deceased", date(2026, 2, 1))
    assert told(ada)[1:] == [
        ("patient.onboarded", {"from": "registered", "to": "onboarded"}),
        ("patient.deactivated", {"from": "onboarded", "to": "inactive"}),
        ("patient.reactivated", {"from": "inactive", "to": "onboarded"}),
        ("patient.deceased", {"from": "onboarded", "to": "deceased"}),
    ]


def test_the_front_desk_may_onboard_but_not_deactivate(nia: object) -> None:
    ada = PatientFactory().perform("onboard", by=Actor.of(nia))
    with pytest.raises(NotPermitted):
        ada.perform("deactivate", by=Actor.of(nia))
    ada.refresh_from_db()
    assert ada.state == "onboarded"
    assert [name for name, _data in told(ada)] == ["customer.created", "patient.onboarded"]


def test_the_dead_stay_dead(system: Actor) -> None:
    ada = PatientFactory(state="deceased")
    with pytest.raises(IllegalTransition) as refused:
        ada.perform("onboard", by=system)
    assert refused.value.legal == ()


def test_the_database_knows_the_states() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        PatientFactory(state="vanished")


def test_nobody_is_born_in_the_future(travel: object) -> None:
    travel(timedelta(0))
    ada = PatientFactory.build(birth_date=date(2999, 1, 1))
    with pytest.raises(ValidationError) as refused:
        ada.clean()
    assert list(refused.value.message_dict) == ["birth_date"]


def test_a_patient_shows_as_a_number_only() -> None:
    ada = PatientFactory(first_name="Ada", mrn="7KQ2-M9TD")
    assert str(ada) == "Patient 7KQ2-M9TD"


def test_a_patient_lives_by_their_own_clock_or_the_clinics() -> None:
    assert PatientFactory(timezone="").timezone_name == "America/New_York"
    assert PatientFactory(timezone="Europe/Bucharest").timezone_name == "Europe/Bucharest"


# ── Merging ───────────────────────────────────────────────────────────────────────────────────────────────
def test_merging_moves_everything_and_keeps_a_pointer(ops: object) -> None:
    double, ada = PatientFactory(), PatientFactory()
    visit, task = AppointmentFactory(patient=double), TaskFactory(patient=double)
    comment = TaskCommentFactory(task=task)
    merged = double.perform("merge", by=Actor.of(ops), into=ada)

    assert (merged.state, merged.merged_into, merged.kept) == ("merged", ada, ada)
    for moved in (visit, task):
        moved.refresh_from_db()
        assert moved.patient == ada
        assert told(moved)[-1][1] == {"changed": ["patient"]}
    comment.refresh_from_db()
    assert comment.task.patient == ada
    assert told(merged)[-1] == (
        "patient.merged", {"from": "registered", "to": "merged", "into": str(ada.pk)},
    )  # fmt: skip


def test_a_merged_record_refuses_edits(system: Actor) -> None:
    ada = PatientFactory()
    merged = PatientFactory().perform("merge", by=system, into=ada)
    merged.phone = "+1 212 555 0111"
    with pytest.raises(ValidationError, match="merged"):
        merged.save()
    merged.refresh_from_db()
    assert merged.phone == "+1 212 555 0199"
    assert merged.legal_moves() == []


@pytest.mark.parametrize("kept", ["itself", "a merged one"])
def test_a_record_merges_only_into_one_that_is_kept(kept: str, system: Actor) -> None:
    ada, double = PatientFactory(), PatientFactory()
    merged = double.perform("merge", by=system, into=ada)
    with pytest.raises(ValidationError):
        ada.perform("merge", by=system, into=ada if kept == "itself" else merged)
    ada.refresh_from_db()
    assert (ada.state, ada.merged_into) == ("registered", None)
    assert [name for name, _data in told(ada)] == ["customer.created"]


def test_a_chain_of_merges_leads_to_the_record_that_is_kept(system: Actor) -> None:
    first, second, third = PatientFactory(), PatientFactory(), PatientFactory()
    first.perform("merge", by=system, into=second)
    second.perform("merge", by=system, into=third)
    assert Patient.objects.get(pk=first.pk).kept == third


def test_the_front_desk_may_not_merge(nia: object) -> None:
    ada, double = PatientFactory(), PatientFactory()
    task = TaskFactory(patient=double)
    with pytest.raises(NotPermitted):
        double.perform("merge", by=Actor.of(nia), into=ada)
    task.refresh_from_db()
    assert task.patient == double
