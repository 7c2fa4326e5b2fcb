"""Patients over the API."""

from __future__ import annotations

from typing import Any

import pytest

from patients.models import Patient
from tests.api.support import Caller
from tests.factories.patients import ClinicFactory, PatientFactory
from tests.patients.helpers import told

pytestmark = pytest.mark.django_db

PATIENTS = "/api/v1/patients/"


def test_a_patient_is_registered_and_taken_on(partner: Caller) -> None:
    body = {
        "first_name": "Eva",
        "last_name": "Eriksen",
        "birth_date": "1971-02-03",
        "clinic": str(ClinicFactory().pk),
    }
    made = partner.post(PATIENTS, body).json()
    patient = Patient.objects.get()
    assert (made["state"], made["mrn"], made["sex"]) == ("registered", patient.mrn, "unknown")
    assert partner.post(f"{PATIENTS}{patient.pk}/transitions/onboard/").json()["state"] == "onboarded"
    assert [name for name, _data in told(patient)] == ["customer.created", "patient.onboarded"]


def test_who_signs_in_as_a_patient_is_nobodys_business(partner: Caller, ada: Any) -> None:
    assert "user" not in partner.get(f"{PATIENTS}{ada.pk}/").json()
    assert partner.patch(f"{PATIENTS}{ada.pk}/", {"user": 1}).status_code == 400


def test_programs_neither_record_deaths_nor_merge(partner: Caller, ada: Any, ben: Any) -> None:
    url = f"{PATIENTS}{ada.pk}/transitions/"
    assert partner.post(f"{url}record_death/", {"deceased_on": "2026-01-01"}).status_code == 403
    assert partner.post(f"{url}merge/", {"into": ben.mrn}).status_code == 403
    ada.refresh_from_db()
    assert (ada.state, ada.version) == ("registered", 1)


def test_nobody_is_born_tomorrow(partner: Caller, ada: Any) -> None:
    answer = partner.patch(f"{PATIENTS}{ada.pk}/", {"birth_date": "2999-01-01"})
    assert answer.json()["errors"] == [{"pointer": "/birth_date", "detail": "Nobody is born in the future."}]


def test_a_record_number_is_taken_once_and_never_changed(partner: Caller, ada: Any) -> None:
    body = {"first_name": "Eva", "last_name": "E", "clinic": str(ada.clinic_id), "mrn": ada.mrn}
    answer = partner.post(PATIENTS, body)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/mrn"]
    assert partner.patch(f"{PATIENTS}{ada.pk}/", {"mrn": "X"}).status_code == 400
    assert Patient.objects.count() == 1


def test_nobody_is_looked_for_by_name_in_an_address(partner: Caller, ada: Any) -> None:
    for name in ("mrn", "email", "last_name", "phone", "birth_date"):
        assert partner.get(PATIENTS, {name: "x"}).status_code == 400
    assert [row["id"] for row in partner.get(PATIENTS, {"clinic": str(ada.clinic_id)}).json()["results"]] == [
        str(ada.pk)
    ]


def test_a_merged_record_is_not_edited(partner: Caller, ada: Any) -> None:
    merged = PatientFactory(state="merged", merged_into=ada)
    answer = partner.patch(f"{PATIENTS}{merged.pk}/", {"phone": "1"})
    assert answer.json()["errors"] == [
        {"pointer": "", "detail": "This record was merged; edit the one that was kept."}
    ]
