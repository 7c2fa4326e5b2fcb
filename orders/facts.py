"""What conditions may ask about orders, and about patients because of their orders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Count,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Coalesce, ExtractDay
from django.utils.translation import gettext_lazy as _

from orders.models import Order, OrderLine
from orders.models.order import total_cents
from orders.states import OPEN
from workflows.catalogue import Fact, Parameter, Privacy, ValueKind, facts

ORDER = "orders.Order"
PATIENT = "patients.Patient"
VIEW = "orders.view_order"


def days_since(field: str) -> Any:
    """Whole days between that column and the moment asked for."""
    return ExtractDay(ExpressionWrapper(F("at") - F(field), output_field=DurationField()))


def _count(rows: QuerySet[Any], per: str) -> Any:
    """How many of these correlated rows there are; none count as 0."""
    counted = rows.order_by().values(per).annotate(many=Count("*")).values("many")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _placed(last_days: int) -> QuerySet[Any]:
    """The outer patient's orders of the days before the moment asked for, whatever became of them."""
    since = ExpressionWrapper(OuterRef("at") - Value(timedelta(days=last_days)), output_field=DateTimeField())
    return Order.objects.filter(patient=OuterRef("pk"), created_at__gt=since, created_at__lte=OuterRef("at"))


def _open_orders() -> QuerySet[Any]:
    """The outer patient's orders that are under way, by the states as they are now."""
    placed = Q(patient=OuterRef("pk"), created_at__lte=OuterRef("at"))
    return Order.objects.filter(placed, state__in=OPEN)


def _lines() -> QuerySet[Any]:
    return OrderLine.objects.filter(order=OuterRef("pk"))


for fact in (
    Fact(
        name="order.state",
        model=ORDER,
        label=_("the order's status"),
        kind=ValueKind.CHOICE,
        privacy=Privacy.PUBLIC,
        expression=lambda: F("state"),
        choices=lambda: list(Order.State.choices),
    ),
    Fact(
        name="order.source",
        model=ORDER,
        label=_("the way the order came"),
        kind=ValueKind.CHOICE,
        privacy=Privacy.PUBLIC,
        expression=lambda: F("source"),
        choices=lambda: list(Order.Source.choices),
    ),
    Fact(
        name="order.total",
        model=ORDER,
        label=_("the order's total"),
        kind=ValueKind.NUMBER,
        privacy=Privacy.PERSONAL,
        expression=lambda: Cast(total_cents(), FloatField()) / Value(100.0),
    ),
    Fact(
        name="order.age_days",
        model=ORDER,
        label=_("the order's age"),
        kind=ValueKind.NUMBER,
        privacy=Privacy.PUBLIC,
        expression=lambda: days_since("created_at"),
        unit=_("days"),
    ),
    Fact(
        name="order.days_in_state",
        model=ORDER,
        label=_("the time the order has been in its status"),
        kind=ValueKind.NUMBER,
        privacy=Privacy.PUBLIC,
        expression=lambda: days_since("state_entered_at"),
        unit=_("days"),
    ),
    Fact(
        name="order.lines",
        model=ORDER,
        label=_("the number of lines of the order"),
        kind=ValueKind.NUMBER,
        privacy=Privacy.PUBLIC,
        expression=lambda: _count(_lines(), "order"),
    ),
    Fact(
        name="order.products",
        model=ORDER,
        label=_("the products of the order"),
        kind=ValueKind.LIST,
        privacy=Privacy.PHI,
        reads=VIEW,
        expression=lambda: ArraySubquery(_lines().order_by("created_at", "id").values("name")),
    ),
    Fact(
        name="patient.orders",
        model=PATIENT,
        label=_("the patient's orders in the last %(last_days)s days"),
        kind=ValueKind.NUMBER,
        privacy=Privacy.PHI,
        reads=VIEW,
        expression=lambda last_days: _count(_placed(last_days), "patient"),
        parameters=(Parameter(name="last_days", label=_("days"), default=365, minimum=1),),
    ),
    Fact(
        name="patient.has_open_order",
        model=PATIENT,
        label=_("the patient has an order under way"),
        kind=ValueKind.BOOLEAN,
        privacy=Privacy.PHI,
        reads=VIEW,
        expression=lambda: Exists(_open_orders()),
    ),
):
    facts.add(fact)
