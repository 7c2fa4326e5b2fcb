"""Orders, one after the other, by whoever was a patient then; most have long been shipped."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from datetime import datetime, timedelta

from careops.demo.crowd.dice import Dice
from careops.demo.crowd.history import History, walk
from careops.demo.crowd.names import PRODUCTS
from careops.demo.crowd.people import Known
from careops.demo.crowd.sheets import Sheet, in_batches
from careops.demo.orders import PATHS
from orders.models import Order, OrderLine
from orders.states import OrderState

#: What became of orders, and where those of the last days stand.
ENDED = {OrderState.SHIPPED: 93, OrderState.CANCELLED: 7}
YOUNG = timedelta(days=20)
UNDER_WAY = {
    OrderState.PENDING: 6, OrderState.AWAITING_PAYMENT: 4, OrderState.PROCESSING: 8,
    OrderState.AWAITING_REQUIREMENTS: 10, OrderState.AWAITING_REQUISITION: 4, OrderState.AWAITING_RESULTS: 6,
    OrderState.AWAITING_SCRIPT: 12, OrderState.AWAITING_FULFILLMENT: 10, OrderState.AWAITING_SHIPMENT: 14,
    OrderState.SHIPPED: 22, OrderState.CANCELLED: 4,
}  # fmt: skip
SOURCES = {
    Order.Source.SUBSCRIPTION: 52,
    Order.Source.PORTAL: 33,
    Order.Source.STAFF: 9,
    Order.Source.INTEGRATION: 6,
}
LINES = {1: 72, 2: 21, 3: 7}
CARRIERS = ("UPS", "USPS", "FedEx")
REASONS = ("Ordered twice by mistake", "Too expensive", "Not suitable", "Changed to another product")


class Orders:
    def __init__(self, dice: Dice, history: History, until: datetime) -> None:
        self.dice, self.history, self.until = dice, history, until
        self.lives = {state: walk(Order, moves) for state, moves in PATHS.items()}
        self.orders = Sheet(history.copier, Order, "created_at", "updated_at", "state_entered_at")
        self.lines = Sheet(history.copier, OrderLine, "created_at", "updated_at")

    def place(self, count: int, patients: list[Known]) -> Iterator[int]:
        """Write so many orders; yields how many, again and again. ``patients`` stand in the order they came."""
        came = [patient.since for patient in patients]
        start = came[0] if came else self.until
        for batch in in_batches(count):
            for place in batch:
                at = start + (self.until - start) * ((place + self.dice.random()) / count)
                known = bisect(came, at) or 1
                self._order(patients[self.dice.randrange(known)], at)
            self.orders.write()
            self.lines.write()
            self.history.write()
            yield len(batch)

    def _order(self, patient: Known, at: datetime) -> None:
        dice = self.dice
        state = dice.weighted(UNDER_WAY if self.until - at < YOUNG else ENDED)
        moments = self._moments(state, max(at, patient.since))
        pk = dice.uuid(moments[0])
        sent = state == OrderState.SHIPPED
        self.orders.add(
            id=pk, created_at=moments[0], updated_at=moments[-1], state_entered_at=moments[-1], version=len(moments),
            patient_id=patient.id, state=state, source=dice.weighted(SOURCES), ship_name=patient.name,
            ship_line1=patient.street, ship_city=patient.site.city, ship_region=patient.site.region,
            ship_postal_code=patient.zip, ship_phone=patient.phone, carrier=dice.choice(CARRIERS) if sent else "",
            tracking_number=f"1Z999AA1{dice.randrange(10**8):08}" if sent else "",
            cancel_reason=dice.choice(REASONS) if state == OrderState.CANCELLED else "",
        )  # fmt: skip
        for _line in range(dice.weighted(LINES)):
            name, cents = dice.frequent(PRODUCTS)
            self.lines.add(
                id=dice.uuid(moments[0]), created_at=moments[0], updated_at=moments[0], order_id=pk, name=name,
                quantity=1 if dice.random() < 0.9 else 2, unit_price_cents=cents,
            )  # fmt: skip
        self.history.tell(self.lives[state], moments, pk, patient.id)

    def _moments(self, state: str, at: datetime) -> list[datetime]:
        """A move every half a day or so, none of them in the future."""
        moments = [min(at, self.until)]
        for _move in self.lives[state][1:]:
            moments.append(min(self.dice.soon_after(moments[-1], 14), self.until))
        return moments
