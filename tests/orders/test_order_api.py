"""Orders over the API."""

from __future__ import annotations

from typing import Any

import pytest

from orders.models import Order, OrderLine
from tests.api.support import Caller
from tests.factories.orders import OrderFactory
from tests.orders.helpers import told

pytestmark = pytest.mark.django_db

ORDERS = "/api/v1/orders/"
LINE = {"name": "Cream", "quantity": 2, "unit_price_cents": 4900}


def test_an_order_is_placed_with_its_lines(partner: Caller, ada: Any) -> None:
    answer = partner.post(ORDERS, {"patient": str(ada.pk), "lines": [LINE, {**LINE, "name": "Soap"}]})
    assert answer.status_code == 201
    body, order = answer.json(), Order.objects.get()
    assert (body["number"], body["state"], body["source"]) == (order.number, "pending", "integration")
    assert [(line["name"], line["quantity"], line["unit_price_cents"]) for line in body["lines"]] == [
        ("Cream", 2, 4900), ("Soap", 2, 4900),
    ]  # fmt: skip
    assert OrderLine.objects.filter(order=order).count() == 2


def test_who_places_it_is_where_it_came_by(root: Any, as_staff: Any, ada: Any) -> None:
    made = as_staff(root).post(ORDERS, {"patient": str(ada.pk), "lines": [LINE]}).json()
    assert made["source"] == "staff"


@pytest.mark.parametrize(
    ("lines", "pointer"),
    [
        ([], "/lines"),
        (None, "/lines"),
        ([{**LINE, "quantity": 0}], "/lines/0/quantity"),
        ([LINE, {**LINE, "unit_price_cents": -1}], "/lines/1/unit_price_cents"),
        ([LINE, {**LINE, "unit_price_cents": 2**40}], "/lines/1/unit_price_cents"),
        ([{**LINE, "order": "x"}], "/lines/0/order"),
        (["x"], "/lines/0"),
        ([LINE] * 101, "/lines"),
    ],
)
def test_what_is_no_line_leaves_no_order(partner: Caller, ada: Any, lines: Any, pointer: str) -> None:
    answer = partner.post(ORDERS, {"patient": str(ada.pk), "lines": lines})
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (Order.objects.count(), OrderLine.objects.count()) == (0, 0)


def test_an_order_is_charged_and_shipped(partner: Caller) -> None:
    order = OrderFactory(state="awaiting_shipment")
    answer = partner.post(
        f"{ORDERS}{order.pk}/transitions/ship/", {"tracking_number": "1Z999", "carrier": "UPS"}
    ).json()
    assert (answer["state"], answer["tracking_number"], answer["carrier"]) == ("shipped", "1Z999", "UPS")
    assert {name for name, _data in told(order)} == {"order.shipped", "order.tracking_added"}


def test_the_address_can_be_corrected_and_the_patient_cannot(partner: Caller, ben: Any) -> None:
    order = OrderFactory()
    url = f"{ORDERS}{order.pk}/"
    assert partner.patch(url, {"ship_city": "Bangor"}).json()["ship_city"] == "Bangor"
    for body in ({"patient": str(ben.pk)}, {"lines": [LINE]}, {"source": "portal"}, {"number": "O-1"}):
        assert partner.patch(url, body).status_code == 400
    assert Order.objects.get().patient == order.patient


def test_overruling_the_gates_is_for_people(partner: Caller) -> None:
    order = OrderFactory()
    answer = partner.post(f"{ORDERS}{order.pk}/transitions/override/", {"state": "shipped", "reason": "x"})
    assert answer.status_code == 403
    assert Order.objects.get().state == "pending"
