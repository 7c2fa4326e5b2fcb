"""The machine of an order: which move is legal where, what each announces, and who may make it."""

from __future__ import annotations

from typing import Any

import pytest

from careops.access.actor import Actor
from careops.access.models import AuditEntry, User
from orders.models import Order
from orders.states import OrderState
from tests.factories.orders import OrderFactory
from tests.orders.helpers import told
from workflows.catalogue import IllegalTransition, NotPermitted
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

STATES = OrderState.values
PAID = "processing awaiting_requirements awaiting_requisition awaiting_results"
OPEN = f"pending awaiting_payment {PAID} awaiting_script awaiting_fulfillment awaiting_shipment"

#: Move → where it may start, where it leads, what it needs; by hand, to check the machine against it.
MOVES: dict[str, tuple[str, str, str]] = {
    "charge": ("pending awaiting_payment", "processing", "charge_order"),
    "fail_payment": ("pending processing", "awaiting_payment", "charge_order"),
    "request_requirements": ("processing", "awaiting_requirements", "requirements_order"),
    "request_requisition": (
        "processing awaiting_requirements",
        "awaiting_requisition",
        "requirements_order",
    ),
    "await_results": (
        "processing awaiting_requirements awaiting_requisition",
        "awaiting_results",
        "requirements_order",
    ),
    "request_script": (PAID, "awaiting_script", "requirements_order"),
    "receive_script": ("awaiting_script", "awaiting_fulfillment", "prescribe_order"),
    "await_fulfillment": (PAID, "awaiting_fulfillment", "fulfil_order"),
    "link_prescription": ("awaiting_fulfillment", "awaiting_shipment", "fulfil_order"),
    "release_for_shipment": (PAID, "awaiting_shipment", "fulfil_order"),
    "ship": ("awaiting_shipment", "shipped", "ship_order"),
    "cancel": (OPEN, "cancelled", "cancel_order"),
}
ARGUMENTS: dict[str, dict[str, Any]] = {"cancel": {"reason": "Changed their mind"}}


def test_the_table_above_names_every_move() -> None:
    assert set(Order.moves()) == {*MOVES, "override"}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("move", MOVES)
def test_a_move_is_legal_exactly_where_it_is_declared(move: str, state: str, system: Actor) -> None:
    sources, target, _needs = MOVES[move]
    order = OrderFactory(state=state)
    if state in sources.split():
        moved = order.perform(move, by=system, **ARGUMENTS.get(move, {}))
        assert moved.state == target
        assert told(order) == [(f"order.{target}", {"from": state, "to": target})]
        return
    with pytest.raises(IllegalTransition) as refused:
        order.perform(move, by=system, **ARGUMENTS.get(move, {}))
    assert str(order) in str(refused.value)
    order.refresh_from_db()
    assert (order.state, order.version, told(order)) == (state, 1, [])


@pytest.mark.parametrize("move", MOVES)
def test_who_lacks_the_permission_changes_nothing(move: str, nia: User) -> None:
    sources, _target, needs = MOVES[move]
    order = OrderFactory(state=sources.split()[0])
    with pytest.raises(NotPermitted, match=rf"orders\.{needs}"):
        order.perform(move, by=Actor.of(nia), **ARGUMENTS.get(move, {}))
    order.refresh_from_db()
    assert (order.state, order.version, told(order)) == (sources.split()[0], 1, [])


def test_operations_may_make_every_move(ops: User) -> None:
    assert {move.name for state in STATES for move in Order(state=state).moves_for(Actor.of(ops))} == set(
        Order.moves()
    )


def test_every_change_of_status_bears_the_shared_names_and_is_recorded_once() -> None:
    for move in Order.moves().values():
        announced = [move.announces] if move.name != "override" else move.announces.values()
        for event in announced:
            assert event.name == f"order.{event.name.removeprefix('order.')}"
            assert "order.status_updated" in event.names_in("careportals")
            assert event.names_in("carevalidate") == ("ORDER_STATUS_CHANGED",)


# ── What some moves do beside moving ────────────────────────────────────────────────────────────────────────
def test_shipping_with_a_tracking_number_tells_two_facts(system: Actor) -> None:
    order = OrderFactory(state="awaiting_shipment")
    shipped = order.perform("ship", by=system, tracking_number="1Z999AA10123456784", carrier="UPS")
    assert (shipped.tracking_number, shipped.carrier) == ("1Z999AA10123456784", "UPS")
    assert told(order) == [
        ("order.shipped", {"from": "awaiting_shipment", "to": "shipped"}),
        ("order.tracking_added", {"changed": ["tracking_number"]}),
    ]


def test_shipping_without_a_number_keeps_the_one_it_had(system: Actor) -> None:
    order = OrderFactory(state="awaiting_shipment", tracking_number="EARLIER")
    assert order.perform("ship", by=system).tracking_number == "EARLIER"
    assert [name for name, _data in told(order)] == ["order.shipped"]


def test_the_reason_of_a_cancellation_stays_out_of_the_event(system: Actor) -> None:
    order = OrderFactory().perform("cancel", by=system, reason="She is pregnant")
    assert order.cancel_reason == "She is pregnant"
    assert told(order) == [("order.cancelled", {"from": "pending", "to": "cancelled"})]


def test_the_time_in_a_state_starts_anew_with_each_move_and_with_nothing_else(system: Actor) -> None:
    order = OrderFactory()
    entered = Order.objects.get(pk=order.pk).state_entered_at
    order.notes = "Call before delivery"
    order.save()
    assert Order.objects.get(pk=order.pk).state_entered_at == entered
    moved = order.perform("charge", by=system)
    assert moved.state_entered_at == moved.updated_at == Order.objects.get(pk=order.pk).state_entered_at
    assert moved.state_entered_at > entered


def test_a_fact_with_its_own_time_entered_its_state_then(system: Actor) -> None:
    order = OrderFactory()
    moved = order.perform("charge", by=system, occurred_at=order.created_at)
    assert Order.objects.get(pk=order.pk).state_entered_at == order.created_at == moved.state_entered_at


# ── Override ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("source", STATES)
@pytest.mark.parametrize("target", STATES)
def test_override_leads_from_any_status_to_any_other(source: str, target: str, ops: User) -> None:
    order, by = OrderFactory(state=source), Actor.of(ops)
    if source == target:
        with pytest.raises(IllegalTransition):
            order.perform("override", by=by, state=target, reason="No change")
        assert not AuditEntry.objects.exists()
        return
    assert order.perform("override", by=by, state=target, reason="The pharmacy called").state == target
    assert told(order) == [(f"order.{target}", {"from": source, "to": target})]


def test_override_is_audited_with_its_reason_and_by_whom(ops: User) -> None:
    order = OrderFactory(state="awaiting_script")
    order.perform("override", by=Actor.of(ops), state="shipped", reason="Handed over at the desk")
    entry = AuditEntry.objects.get(act=AuditEntry.Act.OVERRIDE)
    assert (entry.actor_kind, entry.actor_id) == ("staff", str(ops.pk))
    assert (entry.subject_type, entry.subject_ids) == ("orders.Order", [str(order.pk)])
    assert (entry.patient_id, entry.reason) == (order.patient_id, "Handed over at the desk")
    assert "desk" not in str(EventRecord.objects.values_list("data", flat=True))


def test_override_out_of_cancelled_forgets_the_reason(ops: User) -> None:
    order = OrderFactory().perform("cancel", by=Actor.system(), reason="By mistake")
    moved = order.perform("override", by=Actor.of(ops), state="pending", reason="It was a mistake")
    assert moved.cancel_reason == ""


@pytest.mark.parametrize("who", ["nia", "pia", "omar"])
def test_override_is_for_operations(who: str, request: pytest.FixtureRequest) -> None:
    order = OrderFactory()
    with pytest.raises(NotPermitted, match=r"orders\.override_order"):
        order.perform("override", by=Actor.of(request.getfixturevalue(who)), state="shipped", reason="Hurry")
    assert not AuditEntry.objects.exists()


# ── Editing ─────────────────────────────────────────────────────────────────────────────────────────────────
ADDRESS, TRACKING, REST = "order.shipping_address_updated", "order.tracking_added", "order.updated"
EDITS = [
    ({"ship_city": "Bath"}, {ADDRESS: ["ship_city"]}),
    ({"tracking_number": "1Z"}, {TRACKING: ["tracking_number"]}),
    ({"notes": "Ring twice"}, {REST: ["notes"]}),
    ({"ship_phone": "+1 207 555 0199"}, {REST: ["ship_phone"]}),
    ({"ship_city": "Bath", "notes": "Ring twice"}, {ADDRESS: ["ship_city"], REST: ["notes"]}),
    (
        {"ship_city": "Bath", "tracking_number": "1Z", "carrier": "UPS"},
        {ADDRESS: ["ship_city"], TRACKING: ["tracking_number"], REST: ["carrier"]},
    ),
    ({}, {}),
]


@pytest.mark.parametrize(("edit", "events"), EDITS)
def test_an_edit_is_told_by_what_it_changed(edit: dict[str, str], events: dict[str, list[str]]) -> None:
    order = OrderFactory()
    for field, value in edit.items():
        setattr(order, field, value)
    order.save()
    assert told(order) == [(name, {"changed": changed}) for name, changed in events.items()]


def test_a_tracking_number_taken_away_is_an_ordinary_update() -> None:
    order = OrderFactory(tracking_number="1Z")
    order.tracking_number = ""
    order.save()
    assert told(order) == [("order.updated", {"changed": ["tracking_number"]})]


def test_a_new_order_is_told_once_with_its_state_and_has_a_number() -> None:
    order = OrderFactory()
    assert order.number.startswith("O-")
    assert str(order) == f"Order {order.number}"
    event = EventRecord.objects.get(name="order.created")
    assert (event.data, event.patient_id) == ({"to": "pending"}, order.patient_id)
