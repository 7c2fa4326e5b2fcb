"""Whoever reads a patient's record over the API is in the audit trail, with what they read."""

from __future__ import annotations

from typing import Any

import pytest

from careops.access.models import AuditEntry
from tests.api.support import Caller
from tests.factories.labs import LabOrderFactory, ReportFactory
from tests.factories.orders import OrderFactory
from tests.factories.patients import (
    AppointmentFactory,
    MessageFactory,
    PatientFactory,
    PractitionerFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db

OF_PATIENTS = {
    "patients": PatientFactory, "appointments": AppointmentFactory, "tasks": TaskFactory, "messages": MessageFactory,
    "orders": OrderFactory, "lab-orders": LabOrderFactory, "reports": ReportFactory,
}  # fmt: skip


def trail() -> list[tuple[str, str, str, str, list[str], Any]]:
    rows = AuditEntry.objects.exclude(act="secret").order_by("id")
    return list(
        rows.values_list("actor_kind", "actor_id", "act", "subject_type", "subject_ids", "patient_id")
    )


@pytest.mark.parametrize("noun", OF_PATIENTS)
def test_a_look_at_one_and_at_a_list_is_written_down(partner: Caller, noun: str) -> None:
    record = OF_PATIENTS[noun]()
    key, label = str(partner.key.pk), record._meta.label
    patient_id = record.pk if noun == "patients" else record.patient_id
    assert partner.get(f"/api/v1/{noun}/{record.pk}/").status_code == 200
    assert partner.get(f"/api/v1/{noun}/").status_code == 200
    assert trail() == [
        ("integrator", key, "view", label, [str(record.pk)], patient_id),
        ("integrator", key, "list", label, [str(record.pk)], None),
    ]


def test_what_a_write_answers_with_is_a_look_as_well(partner: Caller) -> None:
    task = TaskFactory()
    partner.patch(f"/api/v1/tasks/{task.pk}/", {"title": "New"})
    partner.post(f"/api/v1/tasks/{task.pk}/transitions/start/")
    assert [entry[2:4] for entry in trail()] == [("view", "patients.Task")] * 2


def test_a_colleague_is_named(nia: Any, as_staff: Any) -> None:
    as_staff(nia).get(f"/api/v1/tasks/{TaskFactory().pk}/")
    assert [entry[:3] for entry in trail()] == [("staff", str(nia.pk), "view")]


def test_what_shows_nothing_writes_nothing(partner: Caller, with_key: Any) -> None:
    practitioner, task = PractitionerFactory(), TaskFactory()
    partner.get(f"/api/v1/practitioners/{practitioner.pk}/")
    partner.get("/api/v1/orders/")
    with_key("patients.view_practitioner").get(f"/api/v1/tasks/{task.pk}/")
    partner.get(f"/api/v1/tasks/{task.pk}/transitions/")
    assert trail() == []
