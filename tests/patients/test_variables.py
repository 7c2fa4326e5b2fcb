"""What staff-written text may speak of, by whose clock, and what happens where there is nothing to say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from careops.access.actor import Actor
from careops.lib.render import check, render
from patients.variables import REFERENCES, VARIABLES, Scene, sample_values
from tests.factories.patients import AppointmentFactory, ClinicFactory, PatientFactory, PractitionerFactory
from tests.patients.helpers import NOON, AStep
from workflows.catalogue import Privacy, StepFailed

pytestmark = pytest.mark.django_db


def test_everything_there_is_to_say_about_a_visit() -> None:
    omar = PractitionerFactory(first_name="Omar", last_name="Okafor")
    ada = PatientFactory(first_name="Ada", last_name="Abara", mrn="7KQ2-M9TD")
    visit = AppointmentFactory(patient=ada, practitioner=omar, service="Initial Evaluation")
    assert Scene(AStep(visit)).values(VARIABLES) == {
        "patient.first_name": "Ada",
        "patient.last_name": "Abara",
        "patient.full_name": "Ada Abara",
        "patient.mrn": "7KQ2-M9TD",
        "patient.id": str(ada.pk),
        "practitioner.name": "Omar Okafor",
        "clinic.name": "Riverside Clinic",
        "clinic.phone": "+1 212 555 0100",
        "appointment.service": "Initial Evaluation",
        "appointment.starts_at": "March 10, 2026, 2 p.m.",
        "appointment.date": "March 10, 2026",
        "appointment.time": "2 p.m.",
        "event.name": "appointment.create",
        "subject.reference": str(visit),
        "subject.id": str(visit.pk),
        "today": "March 9, 2026",
    }


def test_times_are_written_by_the_patients_clock() -> None:
    visit = AppointmentFactory(patient=PatientFactory(timezone="Pacific/Auckland"))
    values = Scene(AStep(visit, at=NOON)).values(VARIABLES)
    assert values["appointment.starts_at"] == "March 11, 2026, 7 a.m."
    assert values["today"] == "March 10, 2026"


def test_what_has_no_value_is_left_out() -> None:
    ada = PatientFactory(practitioner=None)
    values = Scene(AStep(ada)).values(VARIABLES)
    assert "practitioner.name" not in values
    assert "appointment.starts_at" not in values


def test_text_about_no_patient_speaks_for_the_clinic() -> None:
    values = Scene(AStep(ClinicFactory())).values(VARIABLES)
    assert values["clinic.name"] == "Riverside Clinic"
    assert "patient.first_name" not in values


def test_a_merged_patient_is_spoken_of_by_the_record_that_is_kept() -> None:
    double, ada = PatientFactory(first_name="Adda"), PatientFactory(first_name="Ada")
    double.perform("merge", by=Actor.system(), into=ada)
    assert Scene(AStep(double)).values(VARIABLES)["patient.first_name"] == "Ada"


def test_samples_fill_every_variable() -> None:
    template = " ".join(f"{{{{ {name} }}}}" for name in VARIABLES)
    check(template, VARIABLES)
    assert render(template, sample_values()).startswith("Ada Abara Ada Abara 7KQ2-M9TD")


def test_keys_are_made_of_references_only() -> None:
    assert {VARIABLES[name].privacy for name in REFERENCES} == {Privacy.PUBLIC}
    assert "patient.first_name" not in REFERENCES


def test_filling_in() -> None:
    scene = Scene(AStep(PatientFactory(first_name="Ada")))
    assert scene.fill("Dear {{ patient.first_name }}") == "Dear Ada"
    assert scene.fill('With {{ practitioner.name | default: "us" }}') == "With us"


def test_a_text_without_variables_looks_nothing_up(django_assert_num_queries: object) -> None:
    scene = Scene(AStep(PatientFactory()))
    with django_assert_num_queries(0):
        assert scene.fill("Call back") == "Call back"


@pytest.mark.parametrize(
    ("template", "line", "code"),
    [
        ("{{ practitioner.name }}", False, "text_missing"),
        ("{{ patient.first_name }}", True, "text_line_break"),
    ],
)
def test_text_that_cannot_be_made_fails_the_step_without_quoting(
    template: str, line: bool, code: str
) -> None:
    scene = Scene(AStep(PatientFactory(first_name="Ada\nBcc: x@y.example"), at=NOON + timedelta(days=1)))
    with pytest.raises(StepFailed) as failed:
        scene.fill(template, line=line)
    assert failed.value.code == code
    assert "Ada" not in str(failed.value)
