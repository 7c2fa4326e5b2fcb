"""A change and its event are one: both happen or neither, and once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from careops.access.actor import Actor
from careops.lib import clock
from patients import events as patient_events
from patients.models import Patient
from tests.factories.patients import PatientFactory
from tests.workflows.support import names
from workflows.catalogue import (
    Conflict,
    IllegalTransition,
    MisusedMachine,
    NotPermitted,
    acting,
    emit,
    quietly,
)
from workflows.models import EventRecord, event_recorded

SYSTEM = Actor.system()


@pytest.fixture
def patient(db: None) -> Patient:
    patient = PatientFactory()
    EventRecord.objects.all().delete()
    return patient


def test_a_transition_that_is_not_saved_is_not_told(patient):
    patient.onboard()
    assert patient.state == "onboarded"
    assert names() == []
    assert Patient.objects.get().state == "registered"


def test_a_saved_transition_is_told_once_however_often_it_is_saved(patient):
    patient.onboard()
    patient.save()
    patient.save()
    assert names() == ["patient.onboarded"]
    event = EventRecord.objects.get()
    assert event.data == {"from": "registered", "to": "onboarded"}
    assert (event.subject_type, event.subject_id, event.patient_id) == (
        "patients.Patient",
        patient.pk,
        patient.pk,
    )
    assert event.position is None


def test_a_rolled_back_transition_leaves_nothing(patient):
    with transaction.atomic():
        patient.perform("onboard", by=SYSTEM)
        transaction.set_rollback(True)
    assert names() == []
    assert Patient.objects.get().state == "registered"


def test_perform_returns_the_locked_record_and_leaves_the_callers_stale(patient):
    moved = patient.perform("onboard", by=SYSTEM)
    assert (moved.state, moved.version) == ("onboarded", patient.version + 1)
    assert patient.state == "registered"


def test_the_event_bears_the_facts_own_time(patient):
    then = datetime(2022, 1, 3, tzinfo=UTC)
    patient.perform("onboard", by=SYSTEM, occurred_at=then)
    event = EventRecord.objects.get()
    assert event.occurred_at == then
    assert (clock.now() - event.recorded_at).total_seconds() < 60


def test_an_actor_without_the_permission_changes_nothing(patient, lena):
    with pytest.raises(NotPermitted) as refusal:
        patient.perform("onboard", by=Actor.of(lena))
    assert refusal.value.permission == "patients.onboard_patient"
    assert Patient.objects.get().state == "registered"
    assert names() == []


def test_the_event_names_who_acted(patient, nia):
    patient.perform("onboard", by=Actor.of(nia))
    event = EventRecord.objects.get()
    assert (event.actor_kind, event.actor_id) == ("staff", str(nia.pk))


def test_an_illegal_move_names_the_legal_ones(patient):
    with pytest.raises(IllegalTransition) as refusal:
        patient.perform("reactivate", by=SYSTEM)
    assert refusal.value.state == "registered"
    assert "onboard" in refusal.value.legal
    assert names() == []


def test_an_ordinary_save_writes_only_what_changed_and_names_it(patient):
    statements: list[str] = []

    def watch(execute, sql, params, many, context):
        statements.append(sql)
        return execute(sql, params, many, context)

    patient.city = "Bangor"
    with connection.execute_wrapper(watch):
        patient.save()
    assert len(statements) == 1
    assert '"city"' in statements[0]
    assert '"state"' not in statements[0]
    assert EventRecord.objects.get().data == {"changed": ["city"]}


def test_saving_a_phone_number_does_not_undo_a_colleagues_transition(patient):
    stale = Patient.objects.get()
    patient.perform("onboard", by=SYSTEM)
    stale.city = "Bangor"
    with pytest.raises(Conflict), transaction.atomic():
        stale.save()
    assert Patient.objects.get().state == "onboarded"
    assert names() == ["patient.onboarded"]


def test_a_conflict_leaves_the_version_as_it_was_loaded(patient):
    stale = Patient.objects.get()
    patient.perform("onboard", by=SYSTEM)
    stale.city = "Bangor"
    with pytest.raises(Conflict), transaction.atomic():
        stale.save()
    assert stale.version == 1


def test_nothing_changed_means_nothing_is_written(patient):
    patient.save()
    assert Patient.objects.get().version == 1
    assert names() == []


def test_a_state_set_by_hand_is_refused(patient):
    patient.state = "onboarded"
    with pytest.raises(MisusedMachine), transaction.atomic():
        patient.save()
    assert Patient.objects.get().state == "registered"


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: Patient.objects.update(city="Bangor"),
        lambda: Patient.objects.bulk_create([]),
        lambda: Patient.objects.bulk_update([], ["city"]),
        lambda: Patient.objects.all().delete(),
    ],
)
def test_bulk_writes_nobody_would_hear_of_are_refused(patient, misuse):
    with pytest.raises(MisusedMachine):
        misuse()


def test_create_many_tells_of_each(db):
    clinic = PatientFactory().clinic
    EventRecord.objects.all().delete()
    made = Patient.create_many([PatientFactory.build(clinic=clinic) for _one in range(3)])
    assert names() == ["customer.created"] * 3
    assert set(EventRecord.objects.values_list("subject_id", flat=True)) == {one.pk for one in made}


def test_the_database_refuses_an_unknown_state(patient):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE patients_patient SET state = 'nonsense'")


def test_quiet_changes_are_recorded_and_marked(patient):
    with quietly():
        patient.perform("onboard", by=SYSTEM)
    assert EventRecord.objects.get().quiet is True


def test_causation_travels_with_what_is_done(patient):
    with acting(SYSTEM, depth=3):
        patient.perform("onboard", by=SYSTEM)
    assert EventRecord.objects.get().depth == 3


def test_a_dedupe_key_is_recorded_once(patient):
    for _time in range(2):
        emit(patient_events.PATIENT_ONBOARDED, patient, dedupe_key="onboarded:once")
    assert names() == ["patient.onboarded"]


def test_data_that_the_declaration_does_not_carry_is_refused(patient):
    with pytest.raises(ValueError, match="does not declare that it carries"):
        emit(patient_events.PATIENT_ONBOARDED, patient, data={"diagnosis": "x"})


def test_listeners_in_process_hear_of_every_event(patient):
    heard = []

    def listen(sender, draft, **kwargs):
        heard.append(draft.event.name)

    event_recorded.connect(listen)
    try:
        patient.perform("onboard", by=SYSTEM)
    finally:
        event_recorded.disconnect(listen)
    assert heard == ["patient.onboarded"]
