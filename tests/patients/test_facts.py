"""Facts of patients: exact values, at the moment asked for, one and the same for one patient and for all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from patients.models import Patient
from tests.factories.patients import (
    VISIT,
    AppointmentFactory,
    CareTeamFactory,
    PatientFactory,
    PractitionerFactory,
    TaskFactory,
    UserFactory,
)
from workflows.catalogue import facts
from workflows.conditions import matching, parse, ref, values_at

pytestmark = pytest.mark.django_db


def ask(record: Any, name: str, at: datetime = VISIT, **parameters: int) -> Any:
    """The fact as a condition sees it."""
    asked = ref(name, parameters)
    [values] = values_at(record._meta.label, [(record.pk, at)], [asked])
    return values[asked]


def noon(year: int, month: int, day: int) -> datetime:
    """Noon in New York, in winter or in summer."""
    return datetime(year, month, day, 17, 0, tzinfo=UTC)


# ── Age ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("born", "at", "age"),
    [
        (date(1960, 3, 14), noon(2025, 3, 13), 64),
        (date(1960, 3, 14), noon(2025, 3, 14), 65),
        (date(1960, 3, 14), noon(2026, 3, 13), 65),
        (date(2004, 2, 29), noon(2025, 2, 28), 20),
        (date(2004, 2, 29), noon(2025, 3, 1), 21),
        (date(2004, 2, 29), noon(2024, 2, 28), 19),
        (date(2004, 2, 29), noon(2024, 2, 29), 20),
        (date(2026, 3, 10), noon(2026, 3, 10), 0),
        (date(2000, 1, 1), noon(1999, 12, 31), 0),
        (None, noon(2026, 3, 10), None),
    ],
)
def test_age(born: date | None, at: datetime, age: int | None) -> None:
    assert ask(PatientFactory(birth_date=born), "patient.age", at) == age


@pytest.mark.parametrize(
    ("timezone", "at", "age"),
    [
        ("", "2025-03-14T03:59", 64),  # 23:59 the day before, in the clinic's New York
        ("", "2025-03-14T04:00", 65),
        ("Pacific/Auckland", "2025-03-13T10:59", 64),
        ("Pacific/Auckland", "2025-03-13T11:00", 65),
    ],
)
def test_a_birthday_begins_at_the_patients_midnight(timezone: str, at: str, age: int) -> None:
    ada = PatientFactory(birth_date=date(1960, 3, 14), timezone=timezone)
    assert ask(ada, "patient.age", datetime.fromisoformat(at).replace(tzinfo=UTC)) == age


def test_the_age_condition_finds_the_same_people_in_the_population() -> None:
    old = PatientFactory(birth_date=date(1960, 3, 14))
    PatientFactory(birth_date=date(1960, 3, 15))
    PatientFactory(birth_date=None)
    tree = parse({"all": [{"fact": "patient.age", "operator": "at_least", "value": 65}]})
    assert list(matching(tree, Patient.objects.all(), noon(2025, 3, 14))) == [old]


# ── Particulars ───────────────────────────────────────────────────────────────────────────────────────────
def test_particulars_of_a_patient() -> None:
    team, omar = CareTeamFactory(), PractitionerFactory()
    ada = PatientFactory(sex="female", language="ro", care_team=team, practitioner=omar, phone="")
    assert {
        name: ask(ada, f"patient.{name}")
        for name in (
            "birth_date", "city", "region", "zip", "has_email", "has_phone", "state", "sex", "language", "clinic",
            "care_team", "practitioner",
        )
    } == {
        "birth_date": date(1980, 5, 17), "city": "New York", "region": "NY", "zip": "10001",
        "has_email": True, "has_phone": False, "state": "registered", "sex": "female", "language": "ro",
        "clinic": str(ada.clinic_id), "care_team": str(team.pk), "practitioner": str(omar.pk),
    }  # fmt: skip


def test_what_nobody_wrote_down_has_no_value() -> None:
    ada = PatientFactory(city="", birth_date=None)
    asked = ("city", "birth_date", "care_team", "practitioner")
    assert [ask(ada, f"patient.{name}") for name in asked] == [None] * 4


def test_choices_offer_what_a_fact_can_be() -> None:
    team, omar = CareTeamFactory(name="Heart"), PractitionerFactory(last_name="Okafor")
    assert facts.get("patient.care_team").choices() == [(str(team.pk), "Heart")]
    assert facts.get("appointment.practitioner").choices() == [(str(omar.pk), "Omar Okafor, MD")]
    assert facts.get("patient.clinic").choices() == [(str(team.clinic_id), "Riverside Clinic")]
    assert ("ro", "Romanian") in facts.get("patient.language").choices()
    for name in ("patient.state", "patient.sex", "appointment.service", "appointment.state", "task.state",
                 "task.priority", "task.role"):  # fmt: skip
        assert facts.get(name).choices()


# ── History ───────────────────────────────────────────────────────────────────────────────────────────────
DAY = timedelta(days=1)


def test_appointments_of_the_last_days() -> None:
    ada = PatientFactory()
    for days, state in (
        (90, "completed"),
        (89, "completed"),
        (30, "no_show"),
        (10, "cancelled"),
        (-1, "booked"),
    ):
        AppointmentFactory(patient=ada, starts_at=VISIT - days * DAY, state=state)
    AppointmentFactory(starts_at=VISIT - DAY, state="completed")  # somebody else's
    assert ask(ada, "patient.appointments") == 2  # exactly 90 days ago is outside, called off and to come too
    assert ask(ada, "patient.appointments", last_days=91) == 3
    assert ask(ada, "patient.appointments", last_days=7) == 0
    assert ask(ada, "patient.appointments", VISIT - 20 * DAY, last_days=30) == 1


def test_a_visit_is_one_that_took_place() -> None:
    ada = PatientFactory()
    AppointmentFactory(patient=ada, starts_at=VISIT - 30 * DAY, state="no_show")
    AppointmentFactory(patient=ada, starts_at=VISIT - 60 * DAY, state="checked_in")
    assert ask(ada, "patient.has_visit") is True
    assert ask(ada, "patient.has_visit", last_days=59) is False
    assert ask(PatientFactory(), "patient.has_visit") is False


def test_the_next_and_the_last_visit() -> None:
    ada = PatientFactory()
    moments = {
        "long ago": (-200, "completed"),
        "last": (-20, "completed"),
        "missed": (-10, "no_show"),
        "called off": (3, "cancelled"),
        "next": (5, "confirmed"),
        "later": (9, "booked"),
    }
    for days, state in moments.values():
        AppointmentFactory(patient=ada, starts_at=VISIT + days * DAY, state=state)
    assert ask(ada, "patient.last_visit_at") == VISIT - 20 * DAY
    assert ask(ada, "patient.next_visit_at") == VISIT + 5 * DAY
    assert ask(ada, "patient.next_visit_at", VISIT + 9 * DAY) is None
    assert ask(ada, "patient.last_visit_at", VISIT - 300 * DAY) is None


def test_open_tasks() -> None:
    ada = PatientFactory()
    for state in ("open", "in_progress", "completed", "cancelled"):
        TaskFactory(patient=ada, state=state)
    soon = datetime.now(UTC) + DAY
    assert ask(ada, "patient.open_tasks", soon) == 2
    assert ask(ada, "patient.open_tasks", soon - 2 * DAY) == 0


def test_an_overdue_task() -> None:
    ada, now = PatientFactory(), datetime.now(UTC)
    assert ask(ada, "patient.has_overdue_task", now) is False
    TaskFactory(patient=ada, due_at=now - DAY, state="completed")
    TaskFactory(patient=ada, due_at=now + DAY)
    assert ask(ada, "patient.has_overdue_task", now) is False
    assert ask(ada, "patient.has_overdue_task", now + 2 * DAY) is True


# ── Appointments and tasks ────────────────────────────────────────────────────────────────────────────────
def test_facts_of_an_appointment() -> None:
    visit = AppointmentFactory(service="Initial Evaluation")
    assert ask(visit, "appointment.service") == "Initial Evaluation"
    assert ask(visit, "appointment.state") == "booked"
    assert ask(visit, "appointment.starts_at") == VISIT
    assert ask(visit, "appointment.practitioner") == str(visit.practitioner_id)
    assert ask(visit, "appointment.clinic") == str(visit.clinic_id)


@pytest.mark.parametrize(("hours", "expected"), [(24, 24), (0, 0), (-2, -2), (0.25, 0.25)])
def test_hours_until_an_appointment(hours: float, expected: float) -> None:
    at = VISIT - timedelta(hours=hours)
    assert float(ask(AppointmentFactory(), "appointment.starts_in_hours", at)) == expected


def test_facts_of_a_task() -> None:
    task = TaskFactory(priority="high", due_at=VISIT, role="front desk")
    assert [ask(task, f"task.{name}") for name in ("priority", "due_at", "role", "state", "assigned")] == [
        "high", VISIT, "front desk", "open", False,
    ]  # fmt: skip
    assert ask(TaskFactory(assignee=UserFactory()), "task.assigned") is True


def test_every_fact_of_ours_answers_in_one_query(django_assert_num_queries: Any) -> None:
    ada = PatientFactory()
    asked = [ref(fact.name, {}) for fact in facts if fact.model == "patients.Patient"]
    with django_assert_num_queries(1):
        [values] = values_at("patients.Patient", [(ada.pk, VISIT)], asked)
    assert len(values) == len(asked)
