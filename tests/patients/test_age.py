"""Age by the calendar of where somebody lives; comparing it says the same whether it is worked out or looked up."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from patients.models import Clinic, Patient
from tests.factories.patients import ClinicFactory
from workflows.catalogue.recording import quietly
from workflows.conditions import FactRef, matching, parse, values_for

pytestmark = pytest.mark.django_db

AGE = FactRef("patient.age")
LEAP = date(2024, 2, 29)
#: Around the moments below: a year, a leap year and 65 years ago, and not born yet.
BORN = [
    LEAP.replace(year=year) + timedelta(days=day)
    if year % 4 == 0
    else date(year, 2, 28) + timedelta(days=day)
    for year, day in product((1924, 1959, 1960, 2022, 2023, 2024, 2025), (-2, -1, 0, 1, 2))
]
ZONES = ["", "UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/New_York", "Asia/Kathmandu"]


def crowd() -> None:
    """One patient of each age in each place, and one whose date of birth nobody knows."""
    clinic: Clinic = ClinicFactory(timezone="Pacific/Honolulu")
    with quietly():
        Patient.create_many(
            [
                Patient(first_name="Pat", last_name="Example", birth_date=born, timezone=zone, clinic=clinic)
                for born, zone in product([None, *BORN], ZONES)
            ]
        )


moments = st.datetimes(datetime(2024, 2, 26), datetime(2025, 3, 4), timezones=st.just(UTC))
years = st.sampled_from([-1, 0, 1, 2, 64, 65, 66, 100, 998, 999, 1000, 10**15, 0.5, 64.5, 65.5, 999.5])


@st.composite
def rules(draw: Any) -> dict[str, Any]:
    operator = draw(
        st.sampled_from(
            ["at_least", "more_than", "at_most", "less_than", "equals", "not_equals", "between", "one_of"]
        )
    )
    value: Any = draw(years)
    if operator == "between":
        value = sorted([value, draw(years)])
    if operator == "one_of":
        value = [value, draw(years)]
    return {
        draw(st.sampled_from(["all", "none"])): [{"fact": AGE.name, "operator": operator, "value": value}]
    }


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=rules(), at=moments)
@example(
    rule={"all": [{"fact": AGE.name, "operator": "at_least", "value": 65}]},
    at=datetime(2025, 2, 28, 12, tzinfo=UTC),
)
def test_looking_up_and_working_out_an_age_agree(rule: dict[str, Any], at: datetime) -> None:
    if not Patient.objects.exists():
        crowd()
    tree = parse(rule)
    values = values_for("patients.Patient", Patient.objects.values_list("pk", flat=True), [AGE], at)
    expected = {pk for pk, found in values.items() if tree.evaluate(found, at).holds}
    assert set(matching(tree, Patient.objects.all(), at).values_list("pk", flat=True)) == expected


@pytest.mark.parametrize(
    ("zone", "moment", "expected"),
    [
        ("Pacific/Kiritimati", "2025-02-28T09:59:59+00:00", 0),  # 23:59:59 on the 28th over there
        ("Pacific/Kiritimati", "2025-02-28T10:00:00+00:00", 1),
        ("Etc/GMT+12", "2025-03-01T11:59:59+00:00", 0),
        ("Etc/GMT+12", "2025-03-01T12:00:00+00:00", 1),
    ],
)
def test_who_was_born_on_a_29_february_is_65_on_1_march_where_they_live(
    zone: str, moment: str, expected: int
) -> None:
    with quietly():
        Patient.create_many(
            [
                Patient(
                    first_name="Pat",
                    last_name="Example",
                    birth_date=date(1960, 2, 29),
                    timezone=zone,
                    clinic=ClinicFactory(),
                )
            ]
        )
    tree = parse({"all": [{"fact": AGE.name, "operator": "at_least", "value": 65}]})
    assert matching(tree, Patient.objects.all(), datetime.fromisoformat(moment)).count() == expected


def plan(rule: dict[str, Any]) -> str:
    """How PostgreSQL would find them in a table too large to be read."""
    clinic = ClinicFactory()
    Patient.create_many([
        Patient(clinic=clinic, last_name=f"Example {number}", birth_date=date(1930, 1, 1) + timedelta(days=30 * number))
        for number in range(1000)
    ])  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE patients_patient")
        cursor.execute("SET LOCAL enable_seqscan = off")
    return matching(parse(rule), Patient.objects.all(), datetime(2025, 2, 28, tzinfo=UTC)).explain()


@pytest.mark.parametrize(
    ("operator", "years"),
    [("at_least", 90), ("more_than", 90), ("at_most", 14), ("less_than", 14), ("equals", 65)],
)
def test_an_age_is_looked_up_in_the_index_of_birth_dates(operator: str, years: int) -> None:
    found = plan({"all": [{"fact": AGE.name, "operator": operator, "value": years}]})
    assert "patient_by_birth_date" in found
    assert re.search(r"Index Cond: \(+birth_date", found)
    assert "age(" not in found


@pytest.mark.parametrize(
    "rule",
    [
        {"all": [{"fact": "patient.has_visit", "operator": "is_false"}]},
        {"none": [{"fact": "patient.has_visit", "operator": "is_true"}]},
    ],
    ids=["is false", "none"],
)
def test_who_was_not_here_is_found_by_one_anti_join(rule: dict[str, Any]) -> None:
    found = plan(rule)
    assert "Anti Join" in found
    assert "SubPlan" not in found
