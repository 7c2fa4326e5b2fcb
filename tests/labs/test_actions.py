"""Ordering a lab test as a step of an automation."""

from __future__ import annotations

from typing import Any

import pytest

from careops.access.actor import Actor
from labs.models import LabOrder
from tests.factories.labs import LabTestFactory
from tests.factories.patients import PractitionerFactory
from tests.labs.helpers import names
from workflows.catalogue import Done, actions

pytestmark = pytest.mark.django_db


class FakeStep:
    """What the action asks of its step."""

    actor = Actor.automation("automation", frozenset({"labs.order_laborder"}))

    def __init__(self, patient: Any, key: str = "run:1:order") -> None:
        self.patient, self.key = patient, key

    def person(self) -> Any:
        return self.patient


def run(step: FakeStep, **parameters: Any) -> Any:
    action = actions.get("create_lab_order")
    form = action.form(data=parameters)
    assert form.is_valid(), form.errors
    return action.run(step, form.cleaned_data)


def test_the_step_places_an_order_for_the_patient(ada: Any) -> None:
    practitioner = PractitionerFactory()
    LabTestFactory(code="a1c")
    outcome = run(FakeStep(ada), test="a1c", practitioner=str(practitioner.pk))
    order = LabOrder.objects.get()
    assert outcome == Done({"id": str(order.pk)})
    assert (order.patient, order.lab_test.code, order.practitioner) == (ada, "a1c", practitioner)
    assert names(order) == ["lab_order.ordered"]
    assert not order.requisitions.exists()


@pytest.mark.parametrize("requisition", ["", "on"])
def test_a_step_that_is_tried_again_places_no_second_order(requisition: str, ada: Any) -> None:
    LabTestFactory(code="a1c")
    first = run(FakeStep(ada), test="a1c", requisition=requisition)
    assert run(FakeStep(ada), test="a1c", requisition=requisition) == first
    assert run(FakeStep(ada, key="run:2:order"), test="a1c", requisition=requisition) != first
    assert LabOrder.objects.count() == 2


def test_with_its_requisition_the_sample_can_be_drawn_at_once(ada: Any) -> None:
    LabTestFactory(code="a1c")
    run(FakeStep(ada), test="a1c", requisition="on")
    order = LabOrder.objects.get()
    assert names(order) == ["lab_order.ordered", "lab_order.requisition_created"]
    assert order.requisitions.get().state == "issued"


@pytest.mark.parametrize("code", ["", "no-such-test", "old"])
def test_only_a_test_in_use_can_be_ordered(code: str) -> None:
    LabTestFactory(code="old", active=False)
    form = actions.get("create_lab_order").form(data={"test": code})
    assert not form.is_valid()
    assert list(form.errors) == ["test"]


def test_it_says_what_it_does_and_what_it_needs() -> None:
    action = actions.get("create_lab_order")
    test = LabTestFactory(name="Lipid panel")
    assert action.says({"test": test, "requisition": False}) == "order the lab test “Lipid panel”"
    assert (
        action.says({"test": test, "requisition": True})
        == "order the lab test “Lipid panel” with its requisition"
    )
    assert action.needs({}, "") == frozenset({"labs.order_laborder"})
    assert action.needs_patient
