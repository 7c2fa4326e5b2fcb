"""A patient's orders on the portal: how far they have come, in a line and in words, and nothing of the clinic's notes."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils.formats import date_format

from orders.models import Order
from orders.portal.progress import WORDS, certain, progress
from orders.states import STATES, OrderState
from tests.factories.orders import OrderFactory, OrderLineFactory
from tests.portal.conftest import text_of
from workflows.catalogue.history import states_entered

pytestmark = pytest.mark.django_db

ORDERS = "/portal/orders/"


def walk(order: Order, system, *moves: str, **arguments) -> Order:
    for move in moves:
        order = order.perform(move, by=system, **(arguments if move == moves[-1] else {}))
    return order


def line(order: Order) -> list[tuple[str, str]]:
    """The gates of its line: the sign's name and the word beneath."""
    drawn = progress(order, states_entered([order])[order.pk])
    return [(str(gate.label), str(gate.standing)) for gate in drawn.gates]


def page(order: Order) -> str:
    return reverse("portal:order", args=[order.pk])


# ── The line ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_new_order_promises_what_every_order_passes(ada):
    assert line(OrderFactory(patient=ada)) == [
        ("Order placed", "current"), ("Processing", "ahead"), ("Packing", "ahead"), ("Shipped", "ahead"),
    ]  # fmt: skip


def test_gates_that_did_not_apply_are_left_out_and_certain_ones_are_named(ada, system):
    order = walk(OrderFactory(patient=ada), system, "charge", "request_script")
    assert line(order) == [
        ("Order placed", "passed"), ("Processing", "passed"), ("Prescription", "current"),
        ("Pharmacy", "ahead"), ("Packing", "ahead"), ("Shipped", "ahead"),
    ]  # fmt: skip


def test_every_gate_that_was_passed_stays_on_the_line(ada, system):
    order = walk(
        OrderFactory(patient=ada), system, "fail_payment", "charge", "request_requirements", "request_requisition",
        "await_results", "release_for_shipment", "ship", tracking_number="1Z9", carrier="UPS",
    )  # fmt: skip
    assert line(order) == [
        (str(WORDS[state][0]), "passed")
        for state in STATES
        if state not in ("awaiting_script", "awaiting_fulfillment", "cancelled")
    ]


def test_a_cancelled_order_ends_where_it_stood(ada, system):
    order = walk(OrderFactory(patient=ada), system, "charge", "request_script", "cancel", reason="Twice")
    assert line(order) == [
        ("Order placed", "passed"), ("Processing", "passed"), ("Prescription", "unfinished"),
        ("Cancelled", "stopped"),
    ]  # fmt: skip


def test_an_order_that_was_sent_back_stands_where_it_is_now(ada, system):
    order = walk(
        OrderFactory(patient=ada),
        system,
        "charge",
        "release_for_shipment",
        "override",
        state="processing",
        reason="x",
    )
    assert line(order) == [
        ("Order placed", "passed"), ("Processing", "current"), ("Packing", "ahead"), ("Shipped", "ahead"),
    ]  # fmt: skip


def test_an_order_without_a_history_shows_what_it_must_have_passed(ada):
    assert line(OrderFactory(patient=ada, state="shipped")) == [
        ("Order placed", "passed"), ("Processing", "passed"), ("Packing", "passed"), ("Shipped", "passed"),
    ]  # fmt: skip


def test_what_is_certain_follows_from_the_machine():
    shipped = OrderState.SHIPPED
    assert {state.value: sorted(certain(state, shipped)) for state in STATES if certain(state, shipped)} == {
        "pending": ["awaiting_shipment", "processing"],
        "awaiting_payment": ["awaiting_shipment", "processing"],
        "processing": ["awaiting_shipment"],
        "awaiting_requirements": ["awaiting_shipment"],
        "awaiting_requisition": ["awaiting_shipment"],
        "awaiting_results": ["awaiting_shipment"],
        "awaiting_script": ["awaiting_fulfillment", "awaiting_shipment"],
        "awaiting_fulfillment": ["awaiting_shipment"],
    }


def test_every_state_has_its_words():
    assert set(WORDS) == set(STATES)


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────
def test_the_list_tells_of_each_order_what_is_in_it_how_far_it_is_and_what_it_costs(at_portal, ada, system):
    order = walk(OrderFactory(patient=ada, lines__name="Metformin"), system, "charge", "request_script")
    OrderLineFactory(order=order, name="Vitamin D3", quantity=2, unit_price_cents=1900)
    shown = at_portal(ada).get(ORDERS)
    text = text_of(shown)
    assert f"Order {order.number} Prescription Metformin and 1 more" in text
    assert "A clinician is looking at your order and writes the prescription." in text
    assert "87.00 USD" in text
    assert 'aria-label="Step 3 of 6: Prescription"' in shown.content.decode()


def test_shipped_and_cancelled_ones_do_not_look_alike(at_portal, ada, system):
    shipped = walk(OrderFactory(patient=ada), system, "charge", "release_for_shipment", "ship",
                   tracking_number="1Z999", carrier="UPS")  # fmt: skip
    cancelled = walk(OrderFactory(patient=ada), system, "cancel", reason="Changed their mind, angry")
    shown = at_portal(ada).get(ORDERS)
    tones = {card.order.pk: (str(card.progress.label), card.progress.tone) for card in shown.context["cards"]}
    assert tones == {shipped.pk: ("Shipped", "good"), cancelled.pk: ("Cancelled", "stop")}
    assert "UPS · Tracking number 1Z999" in text_of(shown)
    assert "This order was cancelled. Nothing will be sent." in text_of(shown)
    assert "angry" not in shown.content.decode()


def test_an_empty_list_is_kind(at_portal, ada):
    assert "You have not ordered anything yet." in text_of(at_portal(ada).get(ORDERS))


def test_a_list_takes_as_many_queries_for_twenty_as_for_one(at_portal, ada, django_assert_num_queries):
    client = at_portal(ada)
    client.get(ORDERS)
    for number in range(1, 21):
        OrderFactory(patient=ada, lines=2)
        if number in (1, 20):
            with django_assert_num_queries(9):
                client.get(ORDERS)
    assert "Page 2 of 2" in text_of(client.get(ORDERS, {"page": 2}))


# ── One order ─────────────────────────────────────────────────────────────────────────────────────────────
def test_an_order_shows_its_lines_and_where_it_goes_but_never_the_clinics_notes(at_portal, ada, system):
    order = OrderFactory(patient=ada, lines=0, notes="Difficult on the telephone")
    OrderLineFactory(order=order, name="Metformin", quantity=2, unit_price_cents=1250)
    shown = at_portal(ada).get(page(order))
    text = text_of(shown)
    assert "Product Quantity Price Metformin 2 25.00 USD Total 25.00 USD" in text
    assert "A. Recipient 12 Harbor Street Portland ME 04101" in text
    assert "Difficult" not in shown.content.decode()


def test_the_line_is_told_in_words_with_the_day_of_each_gate(at_portal, ada, system):
    order = walk(OrderFactory(patient=ada), system, "charge")
    text = text_of(at_portal(ada).get(page(order)))
    day = date_format(order.created_at.astimezone(ZoneInfo("America/New_York")), "F j")
    assert f"Order placed done, {day} Processing now, {day} Packing to come Shipped to come" in text


@pytest.mark.parametrize("state", ["awaiting_payment", "awaiting_requirements"])
def test_where_it_is_the_patients_turn_they_can_call(at_portal, ada, state):
    order = OrderFactory(patient=ada, state=state)
    assert "Call +1 212 555 0100" in text_of(at_portal(ada).get(page(order)))
    waiting = OrderFactory(patient=ada, state="processing")
    assert "Call +1 212 555 0100" not in text_of(at_portal(ada).get(page(waiting)))


def test_a_tracking_number_of_an_order_that_has_not_left_is_kept_back(at_portal, ada):
    order = OrderFactory(patient=ada, state="awaiting_shipment", tracking_number="1Z999")
    assert "1Z999" not in at_portal(ada).get(page(order)).content.decode()


def test_one_order_costs_the_same_whatever_is_in_it(at_portal, ada, django_assert_num_queries):
    client = at_portal(ada)
    for lines in (1, 20):
        order = OrderFactory(patient=ada, lines=lines)
        client.get(page(order))
        with django_assert_num_queries(8):
            client.get(page(order))
