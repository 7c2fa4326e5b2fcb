"""What a record remembers of the database, and that no edit of it is lost without a word."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Upper
from django.test.utils import CaptureQueriesContext

from careops.access.actor import Actor
from patients.models import Appointment, Patient, Task
from tests.factories.patients import (
    AppointmentFactory,
    PatientFactory,
    TaskFactory,
    UserFactory,
)
from tests.workflows.support import names
from workflows.catalogue import Conflict, MisusedMachine
from workflows.models import EventRecord

SYSTEM = Actor.system()


@pytest.fixture
def patient(db: None) -> Patient:
    patient = PatientFactory(city="Orono", zip="04473")
    EventRecord.objects.all().delete()
    return patient


@pytest.fixture
def task(db: None) -> Task:
    task = TaskFactory(checklist=[{"text": "Call", "done": False}])
    EventRecord.objects.all().delete()
    return task


def stored(patient: Patient, *fields: str) -> tuple[object, ...]:
    return Patient.objects.values_list(*fields).get(pk=patient.pk)


def colleague(patient: Patient, **fields: object) -> None:
    """Somebody else edits the record meanwhile."""
    theirs = Patient.objects.get(pk=patient.pk)
    for name, value in fields.items():
        setattr(theirs, name, value)
    theirs.save()


# ── Reading again, wholly or in part ─────────────────────────────────────────────────────────────────────────


def test_reading_one_field_again_keeps_the_edits_of_the_others(patient):
    patient.city = "Bangor"
    patient.refresh_from_db(fields=["zip"])
    assert patient.changed_fields() == {"city"}
    patient.save()
    assert stored(patient, "city") == ("Bangor",)


def test_reading_a_field_again_drops_its_own_edit_alone(patient):
    patient.city, patient.zip = "Bangor", "1"
    patient.refresh_from_db(fields=iter(["zip"]))
    assert (patient.zip, patient.changed_fields()) == ("04473", {"city"})


def test_a_foreign_key_read_again_by_either_name_is_loaded(patient):
    for name in ("clinic", "clinic_id"):
        patient.clinic_id, patient.city = patient.pk, name
        patient.refresh_from_db(fields=[name])
        assert patient.changed_fields() == {"city"}


def test_a_deferred_field_that_is_looked_at_keeps_the_edits_of_the_others(patient):
    found = Patient.objects.defer("zip").get()
    found.city = "Bangor"
    assert found.zip == "04473"
    found.save()
    assert stored(patient, "city") == ("Bangor",)


def test_a_deferred_field_that_is_only_set_is_written(patient):
    found = Patient.objects.defer("zip").get()
    found.zip = "1"
    found.save()
    assert stored(patient, "zip") == ("1",)
    assert EventRecord.objects.get().data == {"changed": ["zip"]}


def test_reading_everything_again_drops_the_edits(patient):
    patient.city = "Bangor"
    colleague(patient, zip="1")
    patient.refresh_from_db()
    assert (patient.city, patient.zip, patient.version) == ("Orono", "1", 2)
    patient.save()
    assert stored(patient, "city", "version") == ("Orono", 2)


def test_a_queryset_that_reads_a_part_is_refused_for_reading_everything_again(patient):
    patient.zip = "1"
    with pytest.raises(MisusedMachine, match="fields"):
        patient.refresh_from_db(from_queryset=Patient.objects.only("city"))
    patient.refresh_from_db(from_queryset=Patient.objects.select_for_update(of=("self",)))
    assert patient.zip == "04473"


@pytest.mark.parametrize("fields", [None, ["state"]])
def test_reading_the_state_again_forgets_a_transition_that_was_not_saved(patient, fields):
    patient.onboard()
    patient.refresh_from_db(fields=fields)
    patient.city = "Bangor"
    patient.save()
    assert names() == ["customer.updated"]
    assert stored(patient, "state") == ("registered",)


def test_reading_another_field_again_keeps_the_transition(patient):
    patient.onboard()
    patient.refresh_from_db(fields=["city"])
    patient.save()
    assert names() == ["patient.onboarded"]


def test_what_one_transition_told_is_not_told_by_the_next(patient):
    patient.onboard()
    patient.tell(into="nobody")
    patient.refresh_from_db()
    patient.onboard()
    patient.save()
    assert EventRecord.objects.get().data == {"from": "registered", "to": "onboarded"}


# ── Records read in part ─────────────────────────────────────────────────────────────────────────────────────


def test_a_record_read_without_its_version_is_not_saved(patient):
    found = Patient.objects.only("city").get()
    found.city = "Bangor"
    with pytest.raises(MisusedMachine, match="version"):
        found.save()


def test_a_version_read_later_than_the_row_proves_nothing(patient):
    found = Patient.objects.only("city").get()
    colleague(patient, city="Ellsworth")
    found.city = f"Bangor {found.version}"
    with pytest.raises(MisusedMachine, match="version"):
        found.save()
    assert stored(patient, "city") == ("Ellsworth",)


def test_a_record_read_in_part_with_its_version_is_saved(patient):
    found = Patient.objects.only("city", "version").get()
    found.city = "Bangor"
    found.save()
    assert stored(patient, "city", "version") == ("Bangor", 2)


def test_a_record_read_in_part_is_saved_after_it_was_read_wholly(patient):
    found = Patient.objects.only("city", "version").get()
    found.refresh_from_db()
    found.city = "Bangor"
    found.save()
    assert stored(patient, "city") == ("Bangor",)


def test_a_transition_of_a_record_read_without_its_state(patient):
    found = Patient.objects.defer("state").get()
    found.onboard()
    found.save()
    assert EventRecord.objects.get().data == {"from": "registered", "to": "onboarded"}


def test_a_related_record_read_in_part_behaves_the_same(patient):
    AppointmentFactory(patient=patient)
    related = Appointment.objects.select_related("patient")
    found = related.only("reason", "patient__city", "patient__version").get().patient
    found.city = "Bangor"
    assert found.zip == "04473"
    found.save()
    assert stored(patient, "city") == ("Bangor",)
    without = related.only("reason", "patient__city").get().patient
    without.city = "Orono"
    with pytest.raises(MisusedMachine, match="version"):
        without.save()


# ── Saving some fields ───────────────────────────────────────────────────────────────────────────────────────


def test_a_foreign_key_may_be_named_by_its_column(task, patient):
    task.patient_id = patient.pk
    task.save(update_fields=["patient_id"])
    assert Task.objects.get().patient == patient


def test_update_or_create_and_get_or_create(task, patient):
    Task.objects.update_or_create(pk=task.pk, defaults={"patient_id": patient.pk, "title": "Ring"})
    assert Task.objects.values_list("patient", "title").get() == (patient.pk, "Ring")
    found, created = Task.objects.get_or_create(pk=task.pk, defaults={"title": "Write"})
    assert (found.title, created) == ("Ring", False)
    EventRecord.objects.all().delete()
    made, created = Task.objects.get_or_create(title="Write", defaults={"patient_id": patient.pk})
    assert (created, made.version, names()) == (True, 1, ["task.created"])
    made.title = "Write again"
    made.save()
    assert Task.objects.get(pk=made.pk).title == "Write again"


@pytest.mark.parametrize("fields", [["citty"], ["city", "tasks"], ["id"], "city"])
def test_a_field_that_is_none_is_refused(patient, fields):
    patient.city = "Bangor"
    with pytest.raises(ValueError, match="no field"):
        patient.save(update_fields=fields)


def test_the_fields_that_were_not_named_are_saved_by_the_next_save(patient):
    patient.city, patient.zip = "Bangor", "1"
    patient.save(update_fields=["city"])
    assert stored(patient, "city", "zip") == ("Bangor", "04473")
    assert patient.changed_fields() == {"zip"}
    patient.save()
    assert stored(patient, "city", "zip") == ("Bangor", "1")


def test_no_field_named_is_no_field_saved(patient):
    patient.city = "Bangor"
    patient.save(update_fields=[])
    assert patient.changed_fields() == {"city"}
    assert names() == []


def test_what_is_said_by_position_or_unknown_is_refused(patient):
    patient.city = "Bangor"
    with pytest.raises(TypeError):
        patient.save(False, True)
    with pytest.raises(TypeError):
        patient.save(forced_update=True)


def test_an_insert_that_is_asked_for_is_an_insert(patient):
    with pytest.raises(IntegrityError), transaction.atomic():
        patient.save(force_insert=True)


# ── Values that are no plain values ──────────────────────────────────────────────────────────────────────────


def test_an_expression_is_written_once_and_read_back_when_asked_for(patient):
    patient.city = Concat(F("city"), Value("!"))
    patient.save()
    patient.zip = "1"
    patient.save()
    assert patient.city == "Orono!"
    assert stored(patient, "city", "zip") == ("Orono!", "1")
    patient.save()
    assert stored(patient, "version") == (3,)


def test_an_expression_in_a_new_record_is_read_back_too(db):
    patient = PatientFactory(city=Upper(Value("Orono")))
    assert patient.city == "ORONO"
    patient.city = "Bangor"
    patient.save()
    assert stored(patient, "city") == ("Bangor",)


@pytest.mark.parametrize("done", [True, 0])
def test_json_changed_in_place_is_noticed(task, done):
    task.checklist[0]["done"] = done
    task.save()
    assert Task.objects.get().checklist[0]["done"] is done
    task.checklist.append({"text": "Write", "done": False})
    task.save()
    assert len(Task.objects.get().checklist) == 2
    task.save()
    assert Task.objects.get().version == 3


def test_somebody_saved_after_being_assigned_is_not_lost(task):
    task.assignee = UserFactory.build()
    with pytest.raises(ValueError, match="unsaved related object"):
        task.save()
    task.assignee.save()
    task.save()
    assert Task.objects.get().assignee == task.assignee


# ── Conflicts ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_conflict_may_be_caught_inside_a_transaction(patient):
    stale = Patient.objects.get()
    colleague(patient, zip="1")
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        stale.city = "Bangor"
        with pytest.raises(Conflict):
            stale.save()
        assert len(queries) == 1
        stale.refresh_from_db()
        stale.city = "Bangor"
        stale.save()
    assert stored(patient, "city", "zip") == ("Bangor", "1")


def test_perform_costs_no_savepoint_of_its_own(patient):
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        patient.perform("onboard", by=SYSTEM)
    assert [sql["sql"].split()[0] for sql in queries] == ["SAVEPOINT", "SELECT", "WITH", "RELEASE"]


def test_another_error_still_spoils_the_transaction(patient):
    with transaction.atomic():
        patient.clinic_id = patient.practitioner_id = None
        with pytest.raises(IntegrityError):
            patient.save()
        assert transaction.get_rollback()
