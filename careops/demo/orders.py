"""What patients ordered: at least one order in every status, each walked there by the people whose work it is."""

from __future__ import annotations

from careops.demo.past import back_then
from careops.demo.people import Cast
from orders.models import Order, OrderLine
from orders.states import OrderState
from patients.models import Patient

#: Product, price in cents.
PRODUCTS = (
    ("Tretinoin 0.05 % cream, 45 g", 6900),
    ("Semaglutide 0.25 mg, four weekly pens", 29900),
    ("Metformin 500 mg, 90 tablets", 2400),
    ("Vitamin D3 2000 IU, 120 capsules", 1900),
    ("Finasteride 1 mg, 90 tablets", 4500),
    ("Home blood pressure monitor", 5900),
)

#: Status → the moves that lead there.
PATHS = {
    OrderState.PENDING: (),
    OrderState.AWAITING_PAYMENT: ("fail_payment",),
    OrderState.PROCESSING: ("fail_payment", "charge"),
    OrderState.AWAITING_REQUIREMENTS: ("charge", "request_requirements"),
    OrderState.AWAITING_REQUISITION: ("charge", "request_requirements", "request_requisition"),
    OrderState.AWAITING_RESULTS: ("charge", "request_requisition", "await_results"),
    OrderState.AWAITING_SCRIPT: ("charge", "request_script"),
    OrderState.AWAITING_FULFILLMENT: ("charge", "request_script", "receive_script"),
    OrderState.AWAITING_SHIPMENT: ("charge", "request_script", "receive_script", "link_prescription"),
    OrderState.SHIPPED: ("charge", "request_script", "receive_script", "link_prescription", "ship"),
    OrderState.CANCELLED: ("charge", "request_script", "cancel"),
}

#: Who makes a move; the rest is operations'.
WHOSE = {"receive_script": "omar", "link_prescription": "pia", "ship": "pia"}

#: What Ada, who signs in to the portal, finds there: one of each that looks different.
ADAS = (OrderState.CANCELLED, OrderState.SHIPPED, OrderState.AWAITING_SCRIPT)

#: How many orders in each status, beside the one that each has: most orders of a clinic have been shipped.
MORE = {OrderState.SHIPPED: 24, OrderState.AWAITING_SCRIPT: 4, OrderState.AWAITING_SHIPMENT: 3}


def seed(cast: Cast) -> str:
    patients = cast.active()
    states = [state for state in OrderState for _more in range(1 + MORE.get(state, 0))]
    for place, state in enumerate(states):
        _order(cast, patients[place % len(patients)], state, place)
    for place, state in enumerate(ADAS, start=1):
        _order(cast, patients[0], state, 3 * place)
    _put_right_by_hand(cast, patients[1])
    return f"{Order.objects.count()} orders"


def _order(cast: Cast, patient: Patient, state: OrderState, place: int) -> Order:
    """One move a day, the last one as many days ago as the order has now waited: some for too long."""
    waited = 0.2 + place % 9
    path = PATHS[state]
    with back_then(days=waited + len(path), by=cast.staff["olga"]):
        order = _place(patient, place)
    for left, move in enumerate(path, start=1 - len(path)):
        by = cast.staff[WHOSE.get(move, "olga")]
        with back_then(days=waited - left, by=by):
            order = order.perform(move, by=by, **_arguments(move, place))
    return order


def _place(patient: Patient, place: int) -> Order:
    order = Order.objects.create(
        patient=patient,
        source=Order.Source.values[place % 3],
        ship_name=patient.full_name,
        ship_line1=patient.street,
        ship_city=patient.city,
        ship_region=patient.region,
        ship_postal_code=patient.zip,
        ship_phone=patient.phone,
    )
    for name, cents in (PRODUCTS * 2)[place % len(PRODUCTS) :][: 1 + place % 2]:
        OrderLine.objects.create(order=order, name=name, quantity=1 + place % 4 // 3, unit_price_cents=cents)
    return order


def _arguments(move: str, place: int) -> dict[str, str]:
    given = {
        "ship": {"tracking_number": f"1Z999AA1{10_000_000 + 7919 * place}", "carrier": "UPS"},
        "cancel": {"reason": "Ordered twice by mistake"},
    }
    return given.get(move, {})


def _put_right_by_hand(cast: Cast, patient: Patient) -> None:
    """What the override is for: the world was ahead of the screen."""
    order, olga = _order(cast, patient, OrderState.AWAITING_FULFILLMENT, 5), cast.staff["olga"]
    with back_then(days=0.1, by=olga):
        order.perform("override", by=olga, state="shipped", reason="The pharmacy had sent it already")
