"""A save that was rolled back does not count as saved, and a record knows without asking the database."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from careops.access.actor import Actor
from patients.models import Patient
from tests.factories.patients import ClinicFactory, PatientFactory
from tests.workflows.support import names
from workflows.catalogue import Conflict
from workflows.catalogue.recording import sink
from workflows.models import EventRecord

SYSTEM = Actor.system()


class Stop(Exception):
    """What goes wrong later in a transaction."""


@pytest.fixture
def patient(db: None) -> Patient:
    patient = PatientFactory(city="Orono", zip="04473")
    EventRecord.objects.all().delete()
    return patient


def stored(patient: Patient, *fields: str) -> tuple[object, ...]:
    return Patient.objects.values_list(*fields).get(pk=patient.pk)


def colleague(patient: Patient, **fields: object) -> None:
    """Somebody else edits the record meanwhile."""
    theirs = Patient.objects.get(pk=patient.pk)
    for name, value in fields.items():
        setattr(theirs, name, value)
    theirs.save()


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction in which something goes wrong at the end."""
    with suppress(Stop), transaction.atomic():
        yield
        raise Stop


def test_a_save_that_was_rolled_back_does_not_count_as_saved(patient):
    patient.city = "Bangor"
    with rolled_back():
        patient.save()
    for _attempt in range(2):
        with pytest.raises(Conflict) as refusal:
            patient.save()
    assert "rolled back" in refusal.value.__notes__[0]
    patient.refresh_from_db()
    patient.city = "Bangor"
    patient.save()
    assert stored(patient, "city", "version") == ("Bangor", 2)


def test_nor_does_it_when_a_colleague_has_reached_the_same_version(patient):
    patient.city = "Bangor"
    with rolled_back():
        patient.save()
    colleague(patient, city="Ellsworth")
    patient.zip = "1"
    with pytest.raises(Conflict):
        patient.save()
    assert stored(patient, "city", "zip") == ("Ellsworth", "04473")


def test_a_transition_that_was_rolled_back_is_not_taken_for_saved(patient):
    patient.onboard()
    with rolled_back():
        patient.save()
    with pytest.raises(Conflict):
        patient.save()
    with rolled_back():
        moved = patient.perform("onboard", by=SYSTEM)
    with pytest.raises(Conflict):
        moved.save()
    patient.perform("onboard", by=SYSTEM)
    assert names() == ["patient.onboarded"]


def test_nor_is_a_creation(db):
    patient = PatientFactory.build(clinic=ClinicFactory())
    with rolled_back():
        patient.save()
    with pytest.raises(Conflict):
        patient.save()
    several = [PatientFactory.build(clinic=patient.clinic) for _one in range(2)]
    with rolled_back():
        Patient.create_many(several)
    with pytest.raises(Conflict):
        several[1].save()


def test_a_creation_that_failed_may_be_tried_again(patient):
    second = PatientFactory.build(clinic=patient.clinic, mrn=patient.mrn)
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()
    second.mrn = "another"
    second.save()
    assert names() == ["customer.created"]


def test_a_creation_whose_event_was_refused_may_be_tried_again(patient, monkeypatch):
    def refuse(drafts):
        raise Stop

    second = PatientFactory.build(clinic=patient.clinic)
    with monkeypatch.context() as patch:
        patch.setattr(sink(), "inserting", refuse)
        with pytest.raises(Stop), transaction.atomic():
            second.save()
    second.save()
    assert (Patient.objects.filter(pk=second.pk).count(), names()) == (1, ["customer.created"])


def test_a_creation_and_its_event_are_one_statement(patient, django_assert_num_queries):
    second = PatientFactory.build(clinic=patient.clinic)
    with transaction.atomic(), django_assert_num_queries(1):
        second.save()
        assert second.created_at == second.updated_at
    assert names() == ["customer.created"]
    event, row = EventRecord.objects.get(), Patient.objects.get(pk=second.pk)
    assert (event.subject_id, event.patient_id, event.data) == (row.pk, row.pk, {"to": "registered"})
    assert {field.attname: getattr(second, field.attname) for field in Patient._meta.concrete_fields} == {
        field.attname: getattr(row, field.attname) for field in Patient._meta.concrete_fields
    }


def test_saves_within_the_transaction_that_is_still_open_go_on(patient):
    with transaction.atomic():
        for city in ("Bangor", "Ellsworth"):
            patient.city = city
            patient.save()
        with transaction.atomic():
            patient.zip = "1"
            patient.save()
        patient.zip = "2"
        patient.save()
    patient.zip = "3"
    patient.save()
    assert stored(patient, "city", "zip", "version") == ("Ellsworth", "3", 6)


def test_an_inner_rollback_is_noticed_and_an_outer_one_too(patient):
    with rolled_back():
        patient.city = "Bangor"
        patient.save()
        patient.zip = "1"
        with rolled_back():
            patient.save()
        with pytest.raises(Conflict):
            patient.save()
        patient.refresh_from_db()
        assert (patient.city, patient.zip) == ("Bangor", "04473")
        patient.save()
    with pytest.raises(Conflict):
        patient.save()


def test_reading_again_inside_does_not_make_a_rolled_back_save_good(patient):
    patient.city = "Bangor"
    with rolled_back():
        patient.save()
        patient.refresh_from_db()
    with pytest.raises(Conflict):
        patient.save()


@pytest.mark.django_db(transaction=True)
def test_a_commit_makes_it_good_and_a_failed_one_does_not(transactional_db):
    patient = PatientFactory(city="Orono")
    with transaction.atomic():
        patient.city = "Bangor"
        patient.save()
    patient.zip = "1"
    patient.save()
    assert stored(patient, "city", "zip") == ("Bangor", "1")
    patient.clinic_id = patient.pk  # no clinic's: the database notices when the transaction ends
    with pytest.raises(IntegrityError), transaction.atomic():
        patient.save()
    with pytest.raises(Conflict):
        patient.save()
    patient.refresh_from_db()
    patient.clinic_id = patient.pk
    with pytest.raises(IntegrityError):
        patient.save()
    assert (patient.version, patient.changed_fields()) == (3, {"clinic"})


def test_a_copy_knows_what_the_record_knows(patient):
    with transaction.atomic():
        patient.city = "Bangor"
        patient.save()
        deep, shallow, passed = copy.deepcopy(patient), copy.copy(patient), pickle.dumps(patient)
        for one in (deep, shallow):
            one.save()
    assert pickle.loads(passed).city == "Bangor"
    deep.zip = "1"
    deep.save()
    assert stored(patient, "zip") == ("1",)
    assert shallow.changed_fields() == frozenset()


def test_saves_in_a_transaction_cost_one_query_each_and_leave_one_mark(patient):
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        before = len(connection.run_on_commit)
        for number in range(5):
            patient.zip = str(number)
            patient.save()
        assert len(queries) == 5
        assert len(connection.run_on_commit) == before + 1
