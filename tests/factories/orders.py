"""Orders for tests: pending, with one line and an address; ask for another state by name."""

from __future__ import annotations

from typing import Any

import factory

from orders.models import Order, OrderLine
from orders.states import OrderState
from tests.factories.patients import PatientFactory


class OrderLineFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OrderLine

    name = "Tretinoin 0.05 % cream"
    quantity = 1
    unit_price_cents = 4900


class OrderFactory(factory.django.DjangoModelFactory):
    """``OrderFactory(state="awaiting_script")`` is born there: only order.created is told."""

    class Meta:
        model = Order
        skip_postgeneration_save = True

    patient = factory.SubFactory(PatientFactory)
    state = OrderState.PENDING
    ship_name = "A. Recipient"
    ship_line1 = "12 Harbor Street"
    ship_city = "Portland"
    ship_region = "ME"
    ship_postal_code = "04101"
    ship_phone = "+1 207 555 0100"

    @factory.post_generation
    def lines(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        """``lines=0`` makes an order of nothing."""
        for _number in range(1 if extracted is None else extracted):
            OrderLineFactory(order=self, **kwargs)
