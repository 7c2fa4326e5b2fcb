"""Believable people and their visits. A factory makes a record as if somebody had just entered it: events are told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import factory

from patients.models import (
    Appointment,
    CareTeam,
    CareTeamMember,
    Clinic,
    Message,
    Notification,
    Patient,
    Practitioner,
    Task,
    TaskComment,
)

#: A Tuesday afternoon in New York, where the clinic is.
VISIT = datetime(2026, 3, 10, 18, 0, tzinfo=UTC)


class UserFactory(factory.django.DjangoModelFactory):
    """A member of staff without any role; tests/conftest.py has the people who have some."""

    class Meta:
        model = "access.User"

    email = factory.Sequence(lambda n: f"colleague{n}@clinic.example")
    is_staff = True


class ClinicFactory(factory.django.DjangoModelFactory):
    """There is one clinic, however often it is asked for."""

    class Meta:
        model = Clinic
        django_get_or_create = ("name",)

    name = "Riverside Clinic"
    timezone = "America/New_York"
    sender_email = "hello@riverside.example"
    phone = "+1 212 555 0100"


class PractitionerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Practitioner

    first_name = "Omar"
    last_name = factory.Sequence(lambda n: f"Okafor {n}")
    credentials = "MD"
    specialty = "Internal medicine"
    email = factory.Sequence(lambda n: f"practitioner{n}@clinic.example")
    clinic = factory.SubFactory(ClinicFactory)


class CareTeamFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = CareTeam

    name = factory.Sequence(lambda n: f"Team {n}")
    clinic = factory.SubFactory(ClinicFactory)


class CareTeamMemberFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = CareTeamMember

    care_team = factory.SubFactory(CareTeamFactory)
    practitioner = factory.SubFactory(PractitionerFactory)


class PatientFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Patient

    first_name = factory.Sequence(lambda n: f"Pat {n}")
    last_name = "Example"
    birth_date = date(1980, 5, 17)
    email = factory.Sequence(lambda n: f"patient{n}@mail.example")
    phone = "+1 212 555 0199"
    city = "New York"
    region = "NY"
    zip = "10001"
    clinic = factory.SubFactory(ClinicFactory)


class AppointmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Appointment

    patient = factory.SubFactory(PatientFactory)
    practitioner = factory.SubFactory(PractitionerFactory)
    clinic = factory.SelfAttribute("patient.clinic")
    service = Appointment.Service.FOLLOW_UP
    starts_at = VISIT
    ends_at = factory.LazyAttribute(lambda visit: visit.starts_at + timedelta(minutes=30))


class TaskFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Task

    title = "Call back"
    patient = factory.SubFactory(PatientFactory)


class TaskCommentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = TaskComment

    task = factory.SubFactory(TaskFactory)
    text = "No answer, trying again tomorrow."


class MessageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Message

    patient = factory.SubFactory(PatientFactory)
    to_address = factory.LazyAttribute(lambda message: message.patient.email)
    subject = "Your visit"
    body = "See you on Tuesday."


class NotificationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Notification

    user = factory.SubFactory(UserFactory)
    title = "Something happened"
