"""Lab tests, orders, requisitions and reports for tests; ask for another state by name."""

from __future__ import annotations

from typing import Any

import factory

from labs.models import LabOrder, LabTest, Report, Requisition, Result
from tests.factories.patients import PatientFactory


class LabTestFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = LabTest

    name = "Lipid panel"
    code = factory.Sequence("lipid-panel-{}".format)
    lab = "Northside Reference Lab"


class LabOrderFactory(factory.django.DjangoModelFactory):
    """``LabOrderFactory(at="draw_completed")`` is born at that status: only lab_order.ordered is told."""

    class Meta:
        model = LabOrder

    class Params:
        at = "ordered"

    patient = factory.SubFactory(PatientFactory)
    lab_test = factory.SubFactory(LabTestFactory)

    @factory.lazy_attribute
    def state(self: Any) -> str:
        return status(self.at)


class RequisitionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Requisition

    order = factory.SubFactory(LabOrderFactory)


class ReportFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Report

    order = factory.SubFactory(LabOrderFactory)


class ResultFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Result

    report = factory.SubFactory(ReportFactory)
    name = "LDL cholesterol"
    slug = "ldl-cholesterol"
    loinc = "13457-7"
    value = "101"
    number = 101
    unit = "mg/dL"
    max_range = 129


#: The nine statuses of on-site collection, by hand (seeds.md §5.2), to check the tables against.
STATUSES = (
    "received.on_site_collection.ordered",
    "received.on_site_collection.requisition_created",
    "received.on_site_collection.requisition_bypassed",
    "sample_with_lab.on_site_collection.draw_completed",
    "sample_with_lab.on_site_collection.partial_results",
    "completed.on_site_collection.completed",
    "completed.on_site_collection.corrected",
    "cancelled.on_site_collection.cancelled",
    "failed.on_site_collection.sample_error",
)


def status(low: str) -> str:
    """The whole status string that ends in this word."""
    return next(name for name in STATUSES if name.endswith(f".{low}"))
