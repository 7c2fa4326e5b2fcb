"""The facts about orders, asked at a moment, for one row and for all of them by the same expression."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import DateTimeField, Model, Value

from careops.access.actor import Actor
from careops.lib import clock
from tests.factories.orders import OrderFactory, OrderLineFactory
from workflows.catalogue import facts

pytestmark = pytest.mark.django_db


def ask(record: Model, name: str, at: datetime | None = None, **parameters: int) -> Any:
    """The fact's value for that record, at that moment or now."""
    fact = facts.get(name)
    moment = Value(at or clock.now(), output_field=DateTimeField())
    rows = type(record)._default_manager.filter(pk=record.pk).annotate(at=moment)
    rows = rows.annotate(answer=fact.expression(**fact.arguments(parameters)))
    return rows.values_list("answer", flat=True).get()


def test_what_an_order_is_made_of() -> None:
    order = OrderFactory(lines=0, source="portal")
    assert [ask(order, f"order.{name}") for name in ("total", "lines", "products")] == [0, 0, []]
    OrderLineFactory(order=order, name="Tretinoin", quantity=2, unit_price_cents=4999)
    OrderLineFactory(order=order, name="Sunscreen", quantity=1, unit_price_cents=1)
    assert ask(order, "order.total") == 99.99
    assert ask(order, "order.lines") == 2
    assert ask(order, "order.products") == ["Tretinoin", "Sunscreen"]
    assert (ask(order, "order.state"), ask(order, "order.source")) == ("pending", "portal")


def test_ages_are_whole_days_at_the_moment_asked_for(travel: Any, system: Actor) -> None:
    order = OrderFactory()
    travel(timedelta(days=5))
    order.perform("charge", by=system)
    at = clock.now() + timedelta(days=2, hours=23)
    assert ask(order, "order.age_days", at) == 7
    assert ask(order, "order.days_in_state", at) == 2


def test_a_patients_orders_are_counted_inside_the_window_only(ada: Any, travel: Any) -> None:
    placed = clock.now()
    OrderFactory(patient=ada)
    OrderFactory()  # somebody else's
    assert ask(ada, "patient.orders") == 1
    assert ask(ada, "patient.orders", placed - timedelta(seconds=1)) == 0
    assert ask(ada, "patient.orders", placed + timedelta(days=29), last_days=30) == 1
    assert ask(ada, "patient.orders", placed + timedelta(days=31), last_days=30) == 0


def test_an_order_is_under_way_until_it_ends(ada: Any, system: Actor) -> None:
    assert ask(ada, "patient.has_open_order") is False
    order = OrderFactory(patient=ada)
    assert ask(ada, "patient.has_open_order") is True
    order.perform("cancel", by=system, reason="Changed their mind")
    assert ask(ada, "patient.has_open_order") is False
