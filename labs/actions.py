"""What automations may do in the lab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labs import events
from labs.models import LabOrder, LabTest
from patients.models import Practitioner
from workflows.catalogue import Action, Done, Outcome, Step, actions

ORDER = "labs.order_laborder"


class LabOrderForm(forms.Form):
    """Stored by code and id, so that a renamed test stays the same test."""

    test = forms.ModelChoiceField(
        label=_("Lab test"), queryset=LabTest.objects.filter(active=True), to_field_name="code"
    )
    practitioner = forms.ModelChoiceField(
        label=_("Ordered by"), queryset=Practitioner.objects.filter(active=True), required=False
    )
    requisition = forms.BooleanField(
        label=_("With its requisition"),
        required=False,
        help_text=_("Create the requisition at once, so that the sample can be drawn."),
    )


def create_lab_order(step: Step, given: Mapping[str, Any]) -> Outcome:
    """Place the order for the patient of the event, once per step however often the step is tried."""
    order = LabOrder.objects.filter(origin=step.key).first() or LabOrder.objects.create(
        patient=step.person(), lab_test=given["test"], practitioner=given["practitioner"], origin=step.key
    )
    if given["requisition"] and order.state == order.modality.first.name:
        order.perform("create_requisition", by=step.actor)
    return Done({"id": str(order.pk)})


def _says(given: Mapping[str, Any]) -> str:
    sentence = (
        gettext("order the lab test “%(test)s” with its requisition")
        if given["requisition"]
        else gettext("order the lab test “%(test)s”")
    )
    return sentence % {"test": given["test"]}


actions.add(
    Action(
        name="create_lab_order",
        label=_("Order a lab test"),
        form=LabOrderForm,
        run=create_lab_order,
        says=_says,
        needs=lambda given, subject: frozenset({ORDER}),
        causes=(
            events.LAB_ORDER_ORDERED,
            events.LAB_ORDER_REQUISITION_CREATED,
            events.REQUISITION_CREATED,
            events.REQUISITION_ISSUED,
        ),
        needs_patient=True,
        icon="experiment",
    )
)
