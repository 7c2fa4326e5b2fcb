"""What conditions may ask about patients, their visits, and tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import (
    BooleanField,
    CharField,
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Coalesce, NullIf
from django.utils.translation import gettext_lazy as _

from careops.access.roles import role_choices
from patients.age import Age
from patients.models import Appointment, CareTeam, Clinic, Patient, Practitioner, Task
from patients.models.patient import language_choices
from patients.models.task import ACTIVE
from workflows.catalogue import Fact, Parameter, Privacy, ValueKind, facts

PATIENT, APPOINTMENT, TASK = "patients.Patient", "patients.Appointment", "patients.Task"
TEXT, NUMBER, BOOLEAN = ValueKind.TEXT, ValueKind.NUMBER, ValueKind.BOOLEAN
DATE, CHOICE = ValueKind.DATE, ValueKind.CHOICE
VIEW_PATIENTS, VIEW_VISITS = "patients.view_patient", "patients.view_appointment"
VIEW_TASKS = "patients.view_task"


class Seconds(Func):
    template = "EXTRACT(EPOCH FROM %(expressions)s)"
    output_field = FloatField()


# ── Expressions ───────────────────────────────────────────────────────────────────────────────────────────
def _age() -> Any:
    """By the calendar of the place the patient lives in: a birthday begins at their midnight."""
    zone = Coalesce(NullIf("timezone", Value("")), "clinic__timezone")
    return Age(zone, F("at"), F("birth_date"))


def _window(last_days: int) -> QuerySet[Any]:
    """The outer patient's visits of the days before the moment asked for, unless they were called off."""
    since = ExpressionWrapper(OuterRef("at") - Value(timedelta(days=last_days)), output_field=DateTimeField())
    visits = Appointment.objects.filter(
        patient=OuterRef("pk"), starts_at__gt=since, starts_at__lte=OuterRef("at")
    )
    return visits.exclude(state=Appointment.State.CANCELLED)


def _took_place() -> Q:
    return Q(state__in=[Appointment.State.CHECKED_IN, Appointment.State.COMPLETED])


def _count(rows: QuerySet[Any]) -> Any:
    """How many of these correlated rows the outer patient has; none count as 0."""
    counted = rows.order_by().values("patient").annotate(many=Count("*")).values("many")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _start_of(visits: QuerySet[Any], order: str) -> Any:
    return Subquery(visits.filter(patient=OuterRef("pk")).order_by(order).values("starts_at")[:1])


def _next_visit() -> Any:
    expected = Appointment.objects.filter(starts_at__gt=OuterRef("at"), state__in=Appointment.UPCOMING)
    return _start_of(expected, "starts_at")


def _last_visit() -> Any:
    return _start_of(Appointment.objects.filter(_took_place(), starts_at__lte=OuterRef("at")), "-starts_at")


def _open_tasks() -> Any:
    return _count(Task.objects.filter(ACTIVE, patient=OuterRef("pk"), created_at__lte=OuterRef("at")))


def _hours_ahead() -> Any:
    ahead = ExpressionWrapper(F("starts_at") - F("at"), output_field=DurationField())
    return ExpressionWrapper(Seconds(ahead) / 3600.0, output_field=FloatField())


def _holds(condition: Q) -> Any:
    """True or false, of columns that are never NULL."""
    return ExpressionWrapper(condition, output_field=BooleanField())


def _id_of(field: str) -> Any:
    return Cast(F(field), CharField())


# ── Choices ───────────────────────────────────────────────────────────────────────────────────────────────
def _clinics() -> list[tuple[str, Any]]:
    return [(str(clinic.pk), clinic.name) for clinic in Clinic.objects.all()]


def _care_teams() -> list[tuple[str, Any]]:
    return [(str(team.pk), team.name) for team in CareTeam.objects.all()]


def _practitioners() -> list[tuple[str, Any]]:
    return [(str(one.pk), str(one)) for one in Practitioner.objects.all()]


# ── Patients ──────────────────────────────────────────────────────────────────────────────────────────────
DAYS = Parameter(name="last_days", label=_("days"), default=90, minimum=1)

for name, label, kind, expression in (
    ("patient.birth_date", _("the patient's date of birth"), DATE, lambda: F("birth_date")),
    ("patient.city", _("the patient's city"), TEXT, lambda: F("city")),
    ("patient.region", _("the patient's state or region"), TEXT, lambda: F("region")),
    ("patient.zip", _("the patient's postal code"), TEXT, lambda: F("zip")),
    ("patient.has_email", _("the patient has an email address"), BOOLEAN, lambda: _holds(~Q(email=""))),
    ("patient.has_phone", _("the patient has a phone number"), BOOLEAN, lambda: _holds(~Q(phone=""))),
):
    facts.add(
        Fact(
            name=name, model=PATIENT, label=label, kind=kind, privacy=Privacy.PERSONAL, expression=expression
        )
    )

facts.add(
    Fact(
        name="patient.age", model=PATIENT, label=_("the patient's age"), kind=NUMBER,
        privacy=Privacy.PERSONAL, expression=_age, unit=_("years"),
    )
)  # fmt: skip

for name, label, privacy, expression, choices in (
    ("patient.state", _("the patient"), Privacy.PERSONAL, lambda: F("state"), lambda: Patient.State.choices),
    ("patient.sex", _("the patient's sex"), Privacy.PERSONAL, lambda: F("sex"), lambda: Patient.Sex.choices),
    ("patient.language", _("the patient's language"), Privacy.PERSONAL, lambda: F("language"),
     lambda: list(language_choices())),
    ("patient.clinic", _("the patient's clinic"), Privacy.PERSONAL, lambda: _id_of("clinic_id"), _clinics),
    ("patient.care_team", _("the patient's care team"), Privacy.PHI, lambda: _id_of("care_team_id"), _care_teams),
    ("patient.practitioner", _("the patient's practitioner"), Privacy.PHI, lambda: _id_of("practitioner_id"),
     _practitioners),
):  # fmt: skip
    facts.add(
        Fact(
            name=name, model=PATIENT, label=label, kind=CHOICE, privacy=privacy, reads=VIEW_PATIENTS,
            expression=expression, choices=choices,
        )
    )  # fmt: skip

for name, label, kind, expression, parameters, reads in (
    ("patient.appointments", _("the patient's appointments in the last %(last_days)s days"), NUMBER,
     lambda last_days: _count(_window(last_days)), (DAYS,), VIEW_VISITS),
    ("patient.has_visit", _("the patient was here in the last %(last_days)s days"), BOOLEAN,
     lambda last_days: Exists(_window(last_days).filter(_took_place())), (DAYS,), VIEW_VISITS),
    ("patient.next_visit_at", _("the patient's next visit"), DATE, _next_visit, (), VIEW_VISITS),
    ("patient.last_visit_at", _("the patient's last visit"), DATE, _last_visit, (), VIEW_VISITS),
    ("patient.open_tasks", _("the patient's open tasks"), NUMBER, _open_tasks, (), VIEW_TASKS),
    ("patient.has_overdue_task", _("the patient has an overdue task"), BOOLEAN,
     lambda: Exists(Task.objects.filter(ACTIVE, patient=OuterRef("pk"), due_at__lt=OuterRef("at"))), (), VIEW_TASKS),
):  # fmt: skip
    facts.add(
        Fact(
            name=name, model=PATIENT, label=label, kind=kind, privacy=Privacy.PHI, reads=reads,
            expression=expression, parameters=parameters,
        )
    )  # fmt: skip

# ── Appointments and tasks ────────────────────────────────────────────────────────────────────────────────
for name, label, kind, expression, choices, unit in (
    ("appointment.service", _("the appointment's service"), CHOICE, lambda: F("service"),
     lambda: Appointment.Service.choices, ""),
    ("appointment.state", _("the appointment"), CHOICE, lambda: F("state"), lambda: Appointment.State.choices, ""),
    ("appointment.practitioner", _("the appointment's practitioner"), CHOICE,
     lambda: _id_of("practitioner_id"), _practitioners, ""),
    ("appointment.clinic", _("the appointment's clinic"), CHOICE, lambda: _id_of("clinic_id"), _clinics, ""),
    ("appointment.starts_at", _("the appointment's time"), DATE, lambda: F("starts_at"), None, ""),
    ("appointment.starts_in_hours", _("the time until the appointment"), NUMBER, _hours_ahead, None, _("hours")),
):  # fmt: skip
    facts.add(
        Fact(
            name=name, model=APPOINTMENT, label=label, kind=kind, privacy=Privacy.PHI, reads=VIEW_VISITS,
            expression=expression, choices=choices, unit=unit,
        )
    )  # fmt: skip

for name, label, kind, expression, choices in (
    ("task.priority", _("the task's priority"), CHOICE, lambda: F("priority"), lambda: Task.Priority.choices),
    ("task.state", _("the task"), CHOICE, lambda: F("state"), lambda: Task.State.choices),
    ("task.role", _("the task's role"), CHOICE, lambda: F("role"), role_choices),
    ("task.due_at", _("the task's due time"), DATE, lambda: F("due_at"), None),
    ("task.assigned", _("the task has an assignee"), BOOLEAN, lambda: _holds(Q(assignee__isnull=False)), None),
):  # fmt: skip
    facts.add(
        Fact(
            name=name, model=TASK, label=label, kind=kind, privacy=Privacy.PUBLIC, expression=expression,
            choices=choices,
        )
    )  # fmt: skip
