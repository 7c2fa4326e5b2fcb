"""The facts about lab orders, asked at a moment, by the expression that also answers for all rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import DateTimeField, Model, Value

from careops.access.actor import Actor
from careops.lib import clock
from tests.factories.labs import STATUSES, LabOrderFactory, LabTestFactory, ReportFactory, ResultFactory
from workflows.catalogue import facts

pytestmark = pytest.mark.django_db


def ask(record: Model, name: str, at: datetime | None = None, **parameters: int) -> Any:
    """The fact's value for that record, at that moment or now."""
    fact = facts.get(name)
    moment = Value(at or clock.now(), output_field=DateTimeField())
    rows = type(record)._default_manager.filter(pk=record.pk).annotate(at=moment)
    rows = rows.annotate(answer=fact.expression(**fact.arguments(parameters)))
    return rows.values_list("answer", flat=True).get()


def test_what_a_lab_order_is() -> None:
    order = LabOrderFactory(at="draw_completed", lab_test__code="a1c")
    assert ask(order, "lab_order.status") == "sample_with_lab.on_site_collection.draw_completed"
    assert ask(order, "lab_order.modality") == "on_site_collection"
    assert ask(order, "lab_order.test") == "a1c"


def test_the_choices_are_what_the_facts_may_answer() -> None:
    LabTestFactory(code="a1c", name="Haemoglobin A1c", active=False)
    assert {name for name, _label in facts.get("lab_order.status").choices()} == set(STATUSES)
    assert [name for name, _label in facts.get("lab_order.modality").choices()] == ["on_site_collection"]
    assert facts.get("lab_order.test").choices() == [("a1c", "Haemoglobin A1c")]


def test_its_age_is_in_whole_days_at_the_moment_asked_for() -> None:
    order = LabOrderFactory()
    placed = type(order).objects.get(pk=order.pk).created_at
    assert ask(order, "lab_order.age_days", placed + timedelta(days=2, hours=23)) == 2
    assert ask(order, "lab_order.age_days", placed + timedelta(days=3)) == 3


@pytest.mark.parametrize(
    ("interpretation", "abnormal", "critical"),
    [("normal", False, False), ("abnormal", True, False), ("critical", True, True)],
)
def test_its_results_are_judged_by_the_worst(interpretation: str, abnormal: bool, critical: bool) -> None:
    report = ReportFactory()
    before = clock.now()
    ResultFactory(report=report, interpretation="normal")
    ResultFactory(report=report, interpretation=interpretation)
    ResultFactory(interpretation="critical")  # somebody else's
    assert ask(report.order, "lab_order.has_abnormal_result") is abnormal
    assert ask(report.order, "lab_order.critical") is critical
    assert ask(report.order, "lab_order.has_abnormal_result", before) is False


def test_a_patients_lab_orders_are_counted_inside_the_window_only(ada: Any) -> None:
    assert ask(ada, "patient.lab_orders") == 0
    placed = clock.now()
    LabOrderFactory(patient=ada)
    LabOrderFactory(patient=ada)
    LabOrderFactory()  # somebody else's
    assert ask(ada, "patient.lab_orders") == 2
    assert ask(ada, "patient.lab_orders", placed - timedelta(seconds=1)) == 0
    assert ask(ada, "patient.lab_orders", placed + timedelta(days=29), last_days=30) == 2
    assert ask(ada, "patient.lab_orders", placed + timedelta(days=31), last_days=30) == 0


def test_a_lab_order_is_under_way_until_it_ends(ada: Any, system: Actor) -> None:
    assert ask(ada, "patient.has_open_lab_order") is False
    order = LabOrderFactory(patient=ada, at="partial_results")
    assert ask(ada, "patient.has_open_lab_order") is True
    order.perform("complete", by=system)
    assert ask(ada, "patient.has_open_lab_order") is False
