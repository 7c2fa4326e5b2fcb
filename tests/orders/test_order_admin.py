"""Orders in the staff area: a list whose price does not grow, pages that show and refuse what they should."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from careops.access.actor import Actor
from orders.models import Order
from orders.states import OrderState
from tests.factories.orders import OrderFactory
from tests.orders.helpers import told
from tests.surfaces.support import filled_in, page

pytestmark = pytest.mark.django_db
LIST = reverse("admin:orders_order_changelist")


def numbers(response: Any) -> set[str]:
    return {order.number for order in response.context["cl"].result_list}


def test_the_list_costs_the_same_for_one_order_and_for_thirty(at_desk: Any, ops: Any) -> None:
    browser = at_desk(ops)
    OrderFactory()
    browser.get(LIST)  # content types and permissions are looked up once per process
    with CaptureQueriesContext(connection) as one:
        assert browser.get(LIST).status_code == 200
    for state in [*OrderState.values, *["shipped"] * 19]:
        OrderFactory(state=state, lines=2)
    with CaptureQueriesContext(connection) as thirty:
        browser.get(LIST)
    assert len(thirty) == len(one)


def test_the_page_of_an_order_costs_the_same_for_one_line_and_for_nine(at_desk: Any, pia: Any) -> None:
    browser = at_desk(pia)
    short, long = OrderFactory(lines=1), OrderFactory(lines=9)
    browser.get(page(short))
    with CaptureQueriesContext(connection) as one:
        assert browser.get(page(short)).status_code == 200
    with CaptureQueriesContext(connection) as nine:
        assert b"441.00 USD" in browser.get(page(long)).content
    assert len(nine) == len(one)


def test_found_by_number_or_by_the_beginning_of_a_name(at_desk: Any, nia: Any, ada: Any, ben: Any) -> None:
    adas, bens = OrderFactory(patient=ada), OrderFactory(patient=ben)
    browser = at_desk(nia)
    assert numbers(browser.get(LIST, {"q": adas.number.lower()})) == {adas.number}
    assert numbers(browser.get(LIST, {"q": "bau"})) == {bens.number}
    assert numbers(browser.get(LIST, {"q": " "})) == {adas.number, bens.number}


def test_stuck_orders_are_under_way_and_have_waited(at_desk: Any, ops: Any, travel: Any) -> None:
    stuck, shipped = OrderFactory(), OrderFactory(state="shipped")
    travel(timedelta(days=4))
    fresh = OrderFactory()
    browser = at_desk(ops)
    answer = browser.get(LIST, {"stuck": "3"})
    assert numbers(answer) == {stuck.number}
    assert [order.waited for order in answer.context["cl"].result_list] == [4]
    everything = {stuck.number, shipped.number, fresh.number}
    assert numbers(browser.get(LIST, {"stuck": "7"})) == set()
    assert numbers(browser.get(LIST, {"stuck": "nonsense"})) == everything


def test_who_may_not_change_an_order_sees_its_lines_and_cannot_write(at_desk: Any, pia: Any) -> None:
    order = OrderFactory()
    browser = at_desk(pia)
    assert "Tretinoin" in browser.get(page(order)).content.decode()
    assert browser.post(page(order), {"notes": "Typed anyway"}).status_code == 403
    assert Order.objects.get(pk=order.pk).version == 1


def test_lines_are_closed_once_the_order_is_paid_for(at_desk: Any, root: Any) -> None:
    browser = at_desk(root)
    order = OrderFactory()
    lines = 'name="lines-0-quantity"'
    assert lines in browser.get(page(order)).content.decode()
    order.perform("charge", by=Actor.of(root))
    assert lines not in browser.get(page(order)).content.decode()


def test_an_edit_of_an_open_page_does_not_undo_a_move(at_desk: Any, root: Any, system: Actor) -> None:
    order = OrderFactory(state="awaiting_shipment")
    browser = at_desk(root)
    form = filled_in(browser.get(page(order)), notes="Ring twice")
    order.perform("ship", by=system)
    assert browser.post(page(order), form).status_code == 302
    saved = Order.objects.get(pk=order.pk)
    assert (saved.state, saved.notes) == ("shipped", "Ring twice")
    assert [name for name, _data in told(order)] == ["order.shipped", "order.updated"]


def test_override_asks_for_the_status_and_a_reason(at_desk: Any, ops: Any) -> None:
    order = OrderFactory()
    browser = at_desk(ops)
    assert "Why by hand?" in browser.get(page(order, "transition", "override")).content.decode()
    browser.post(page(order, "transition", "override"), {"state": "shipped"})
    assert told(order) == []
    browser.post(page(order, "transition", "override"), {"state": "shipped", "reason": "Handed over"})
    assert told(order) == [("order.shipped", {"from": "pending", "to": "shipped"})]
