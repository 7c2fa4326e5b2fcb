"""What conditions may ask about lab orders, and about patients because of their lab orders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import (
    CharField,
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, ExtractDay
from django.utils.translation import gettext_lazy as _

from labs.modalities import modality_choices, open_statuses, status_choices
from labs.models import LabOrder, LabTest, Result
from workflows.catalogue import Fact, Parameter, Privacy, ValueKind, facts

LAB_ORDER = "labs.LabOrder"
PATIENT = "patients.Patient"
VIEW_ORDERS, VIEW_RESULTS = "labs.view_laborder", "labs.view_result"


def lab_test_choices() -> list[tuple[str, Any]]:
    """Every lab test there ever was: a condition may ask about orders of one that is out of use."""
    return list(LabTest.objects.values_list("code", "name"))


def _modality() -> Any:
    """The middle word of the status (seeds.md §5.1)."""
    return Func(F("state"), Value("."), Value(2), function="split_part", output_field=CharField())


def _age_days() -> Any:
    return ExtractDay(ExpressionWrapper(F("at") - F("created_at"), output_field=DurationField()))


def _results(*interpretations: str) -> QuerySet[Result]:
    """The outer lab order's markers of that kind that were in at the moment asked for."""
    return Result.objects.filter(
        report__order=OuterRef("pk"), created_at__lte=OuterRef("at"), interpretation__in=interpretations
    )


def _placed() -> QuerySet[LabOrder]:
    """The outer patient's lab orders placed by the moment asked for."""
    return LabOrder.objects.filter(patient=OuterRef("pk"), created_at__lte=OuterRef("at"))


def _number_placed(last_days: int) -> Any:
    since = ExpressionWrapper(OuterRef("at") - Value(timedelta(days=last_days)), output_field=DateTimeField())
    placed = _placed().filter(created_at__gt=since).order_by()
    counted = placed.values("patient").annotate(many=Count("*")).values("many")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


for fact in (
    Fact(
        name="lab_order.status",
        model=LAB_ORDER,
        label=_("the lab order's status"),
        kind=ValueKind.CHOICE,
        privacy=Privacy.PUBLIC,
        expression=lambda: F("state"),
        choices=status_choices,
    ),
    Fact(
        name="lab_order.test",
        model=LAB_ORDER,
        label=_("the lab test ordered"),
        kind=ValueKind.CHOICE,
        privacy=Privacy.PHI,
        reads=VIEW_ORDERS,
        expression=lambda: F("lab_test__code"),
        choices=lab_test_choices,
    ),
    Fact(
        name="lab_order.modality",
        model=LAB_ORDER,
        label=_("the way the lab order's sample is taken"),
        kind=ValueKind.CHOICE,
        privacy=Privacy.PUBLIC,
        expression=_modality,
        choices=modality_choices,
    ),
    Fact(
        name="lab_order.age_days",
        model=LAB_ORDER,
        label=_("the lab order's age"),
        kind=ValueKind.NUMBER,
        privacy=Privacy.PUBLIC,
        expression=_age_days,
        unit=_("days"),
    ),
    Fact(
        name="lab_order.has_abnormal_result",
        model=LAB_ORDER,
        label=_("the lab order has an abnormal or critical result"),
        kind=ValueKind.BOOLEAN,
        privacy=Privacy.PHI,
        reads=VIEW_RESULTS,
        expression=lambda: Exists(
            _results(Result.Interpretation.ABNORMAL.value, Result.Interpretation.CRITICAL.value)
        ),
    ),
    Fact(
        name="lab_order.critical",
        model=LAB_ORDER,
        label=_("the lab order has a critical result"),
        kind=ValueKind.BOOLEAN,
        privacy=Privacy.PHI,
        reads=VIEW_RESULTS,
        expression=lambda: Exists(_results(Result.Interpretation.CRITICAL.value)),
    ),
    Fact(
        name="patient.lab_orders",
        model=PATIENT,
        label=_("the patient's lab orders"),
        kind=ValueKind.NUMBER,
        privacy=Privacy.PHI,
        reads=VIEW_ORDERS,
        expression=_number_placed,
        parameters=(Parameter(name="last_days", label=_("in the last days"), default=365, minimum=1),),
    ),
    Fact(
        name="patient.has_open_lab_order",
        model=PATIENT,
        label=_("the patient has a lab order under way"),
        kind=ValueKind.BOOLEAN,
        privacy=Privacy.PHI,
        reads=VIEW_ORDERS,
        expression=lambda: Exists(_placed().filter(state__in=open_statuses())),
    ),
):
    facts.add(fact)
