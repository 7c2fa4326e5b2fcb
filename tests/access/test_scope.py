"""A patient meets their own records and no others, whatever they ask for."""

from __future__ import annotations

import pytest

from careops.access import roles
from careops.access.actor import Actor, ActorKind
from careops.access.scope import may_meet, path_to_patient, visible
from labs.models import LabTest, Report
from orders.models import Order
from patients.models import Appointment, Patient
from tests.conftest import person
from tests.factories.patients import AppointmentFactory
from workflows.catalogue import Machine
from workflows.catalogue.errors import NotPermitted
from workflows.models import EventRecord


def as_patient(patient: Patient) -> Actor:
    user = person(patient.email, staff=False)
    patient.user = user
    patient.save()
    return Actor.of(user)


def test_a_patient_meets_their_own_rows_alone(ada, ben):
    by = as_patient(ada)
    own, other = AppointmentFactory(patient=ada), AppointmentFactory(patient=ben)
    assert by.patient_id == ada.pk
    assert list(visible(Appointment.objects.all(), by)) == [own]
    assert list(visible(Patient.objects.all(), by)) == [ada]
    assert list(visible(LabTest.objects.all(), by)) == []
    assert other not in visible(Appointment.objects.all(), by)
    at_hand = (own, other, ada, ben, LabTest(), Appointment(patient=None))
    assert [may_meet(by, record) for record in at_hand] == [True, False, True, False, False, False]


def test_staff_meet_what_their_permissions_name(ada, ben, nia):
    assert set(visible(Patient.objects.all(), Actor.of(nia))) == {ada, ben}
    assert may_meet(Actor.of(nia), ben)


def test_somebody_without_a_record_meets_nothing(ada):
    nobody = Actor.of(person("new@mail.example", staff=False))
    assert nobody.patient_id is None
    assert not visible(Patient.objects.all(), nobody).exists()
    assert not may_meet(nobody, ada)
    assert not may_meet(nobody, Appointment(patient=None))


def test_a_patient_cancels_their_own_visit_and_is_named_for_it(ada):
    by = as_patient(ada)
    visit = AppointmentFactory(patient=ada).perform("cancel", by=by, reason="Ill")
    assert visit.state == "cancelled"
    event = EventRecord.objects.get(name="appointment.cancelled")
    assert (event.actor_kind, event.actor_id, event.patient_id) == ("patient", by.id, ada.pk)


@pytest.mark.parametrize("move", ["confirm", "cancel"])
def test_a_patient_cannot_touch_another_ones_visit(ada, ben, move):
    visit = AppointmentFactory(patient=ben)
    with pytest.raises(Appointment.DoesNotExist):
        visit.perform(move, by=as_patient(ada))
    visit.refresh_from_db()
    assert (visit.state, visit.version) == ("booked", 1)


@pytest.mark.parametrize("move", ["check_in", "complete", "mark_no_show", "restore", "reschedule"])
def test_the_clinics_moves_are_not_the_patients(ada, move):
    visit = AppointmentFactory(patient=ada)
    with pytest.raises(NotPermitted):
        visit.perform(move, by=as_patient(ada))
    visit.refresh_from_db()
    assert visit.version == 1


def test_a_patients_permissions_come_from_the_table_and_not_from_groups(ada):
    user = person("ex@mail.example", "ops admin", staff=False)
    assert not Actor.of(user).has_perm("orders.cancel_order")
    assert Actor.of(user).has_perm("patients.cancel_appointment")
    user.is_active = False
    assert not Actor.of(user).has_perm("patients.cancel_appointment")


def test_a_key_has_what_it_lists():
    key = Actor.integrator(7, frozenset({"orders.view_order"}))
    assert (key.kind, key.id, key.patient_id) == (ActorKind.INTEGRATOR, "7", None)
    assert key.has_perm("orders.view_order")
    assert not key.has_perm("orders.ship_order")


def test_nobody_but_staff_may_publish_or_see_secrets():
    forbidden = {"workflows.publish_automation", "workflows.view_endpoint", "access.change_user"}
    assert not (roles.PATIENT | roles.INTEGRATOR) & forbidden


def test_every_machine_says_whose_it_is_or_that_it_is_nobodys():
    from workflows.catalogue.machine import machines

    paths = {model._meta.label: path_to_patient(model) for model in machines()}
    assert all(issubclass(model, Machine) for model in machines())
    assert {label for label, path in paths.items() if path not in ("patient_id", "pk")} == {
        "workflows.Automation",
        "workflows.Endpoint",
    }
    assert (path_to_patient(Order), path_to_patient(Report)) == ("patient_id", "patient_id")
