"""What text written by staff may speak of: declared names, each with its privacy class, a sample and a way to read it.

Times are written by the patient's clock. A name without a value here and now (a practitioner nobody has chosen yet) is
left out: the text then uses its own default, or the step fails and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from careops.lib.render import RenderError, one_line, render, used
from patients.models import Appointment, Clinic, Patient, Practitioner
from workflows.catalogue import Privacy, Step, StepFailed


class Scene:
    """Who and what a step is about; each is looked up when a text first speaks of it."""

    def __init__(self, step: Step) -> None:
        self.step = step

    @cached_property
    def patient(self) -> Patient | None:
        """The patient, by the record that is kept."""
        return self.step.person().kept if self.step.event.patient_id else None

    @cached_property
    def appointment(self) -> Appointment | None:
        is_about_one = self.step.event.subject_type == Appointment._meta.label
        return self.step.subject() if is_about_one else None

    @cached_property
    def practitioner(self) -> Practitioner | None:
        """Whose visit it is, or who is chiefly responsible for the patient."""
        if self.appointment:
            return self.appointment.practitioner
        return self.patient.practitioner if self.patient else None

    @cached_property
    def clinic(self) -> Clinic | None:
        """Where the visit is, or where the patient belongs; the first clinic for what concerns no patient."""
        nearest = self.appointment or self.patient
        return nearest.clinic if nearest else Clinic.objects.order_by("created_at").first()

    @cached_property
    def zone(self) -> ZoneInfo:
        if self.patient:
            return ZoneInfo(self.patient.timezone_name)
        return ZoneInfo(self.clinic.timezone if self.clinic else "UTC")

    def written(self, moment: datetime | None, style: str) -> str | None:
        """A moment in words, by the patient's clock."""
        return date_format(moment.astimezone(self.zone), style) if moment else None

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of these variables, here and now; those without one are left out."""
        values = {name: VARIABLES[name].read(self) for name in names}
        return {name: value for name, value in values.items() if value not in (None, "")}

    def fill(self, template: str, *, line: bool = False) -> str:
        """The template with its variables filled in; ``line`` for what must fit on one. Raises StepFailed."""
        if "{" not in template:
            return template  # nothing is looked up for a text that speaks of nobody
        try:
            text = render(template, self.values(used(template, VARIABLES)))
            return one_line(text.strip()) if line else text
        except RenderError as error:
            raise StepFailed(f"text_{error.reason_code}", str(error.message)) from None


@dataclass(frozen=True, slots=True)
class Variable:
    label: Any
    privacy: Privacy
    sample: str
    read: Callable[[Scene], Any]
    #: The permission that reading the value takes, as "app.codename"; "" for what is public.
    needs: str = ""


def _of(thing: str, attribute: str) -> Callable[[Scene], Any]:
    return lambda scene: getattr(getattr(scene, thing), attribute, None)


def _start(style: str) -> Callable[[Scene], Any]:
    return lambda scene: scene.written(scene.appointment and scene.appointment.starts_at, style)


def _service(scene: Scene) -> str | None:
    return scene.appointment and str(scene.appointment.get_service_display())


PUBLIC, PERSONAL, PHI = Privacy.PUBLIC, Privacy.PERSONAL, Privacy.PHI
PATIENTS, VISITS = "patients.view_patient", "patients.view_appointment"

VARIABLES: Mapping[str, Variable] = {
    "patient.first_name": Variable(
        _("the patient's first name"), PERSONAL, "Ada", _of("patient", "first_name"), PATIENTS
    ),
    "patient.last_name": Variable(_("the patient's last name"), PERSONAL, "Abara", _of("patient", "last_name"), PATIENTS),
    "patient.full_name": Variable(
        _("the patient's full name"), PERSONAL, "Ada Abara", _of("patient", "full_name"), PATIENTS
    ),
    "patient.mrn": Variable(_("the patient's record number"), PERSONAL, "7KQ2-M9TD", _of("patient", "mrn"), PATIENTS),
    "patient.id": Variable(
        _("the patient's reference"), PUBLIC, "0190c2f0-…", lambda scene: str(scene.patient.pk) if scene.patient else None
    ),
    "practitioner.name": Variable(_("the practitioner"), PUBLIC, "Omar Okafor", _of("practitioner", "full_name")),
    "clinic.name": Variable(_("the clinic's name"), PUBLIC, "Riverside Clinic", _of("clinic", "name")),
    "clinic.phone": Variable(_("the clinic's phone"), PUBLIC, "+1 212 555 0100", _of("clinic", "phone")),
    "appointment.service": Variable(_("the appointment's service"), PHI, "Initial Evaluation", _service, VISITS),
    "appointment.starts_at": Variable(
        _("when the appointment begins"), PHI, "March 10, 2026, 2 p.m.", _start("DATETIME_FORMAT"), VISITS
    ),
    "appointment.date": Variable(_("the day of the appointment"), PHI, "March 10, 2026", _start("DATE_FORMAT"), VISITS),
    "appointment.time": Variable(_("the time of the appointment"), PHI, "2 p.m.", _start("TIME_FORMAT"), VISITS),
    "event.name": Variable(_("the event's name"), PUBLIC, "appointment.confirmed", lambda scene: scene.step.event.name),
    "subject.reference": Variable(
        _("the record, as CareOps writes it"), PUBLIC, "Appointment 4f2a91c0", lambda scene: str(scene.step.subject())
    ),
    "subject.id": Variable(
        _("the record's reference"), PUBLIC, "0190c2f1-…", lambda scene: str(scene.step.event.subject_id)
    ),
    "today": Variable(
        _("today's date"), PUBLIC, "March 9, 2026", lambda scene: scene.written(scene.step.at, "DATE_FORMAT")
    ),
}  # fmt: skip

#: What a key may be made of: references only, for keys are shown to people who may not see the patient.
REFERENCES = tuple(name for name, variable in VARIABLES.items() if variable.privacy is PUBLIC)


def sample_values() -> dict[str, str]:
    """Invented values, for a preview."""
    return {name: variable.sample for name, variable in VARIABLES.items()}
