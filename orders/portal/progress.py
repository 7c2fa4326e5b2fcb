"""How far an order has come: the gates behind it, where it is, and those that it will certainly pass.

Which gates apply is decided on the way, so the line promises only what the machine itself makes certain: a
gate that every remaining way to shipment leads through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.models import Order
from orders.states import STATES, OrderState

#: State → the gate's name on the line, what it means while the order is there.
WORDS: dict[str, tuple[Any, Any]] = {
    OrderState.PENDING: (
        gettext_lazy("Order placed"),
        gettext_lazy("We have your order. It goes on as soon as it is paid."),
    ),
    OrderState.AWAITING_PAYMENT: (
        gettext_lazy("Payment"),
        gettext_lazy("The payment did not go through. Call us, and we settle it together."),
    ),
    OrderState.PROCESSING: (
        gettext_lazy("Processing"),
        gettext_lazy("We are checking what your order needs before we send it."),
    ),
    OrderState.AWAITING_REQUIREMENTS: (
        gettext_lazy("Something from you"),
        gettext_lazy("We still need something from you. Call us, and we tell you what."),
    ),
    OrderState.AWAITING_REQUISITION: (
        gettext_lazy("Lab test"),
        gettext_lazy("A lab test comes first. We arrange it and tell you where to go."),
    ),
    OrderState.AWAITING_RESULTS: (
        gettext_lazy("Lab results"),
        gettext_lazy("We are waiting for the results of your lab test."),
    ),
    OrderState.AWAITING_SCRIPT: (
        gettext_lazy("Prescription"),
        gettext_lazy("A clinician is looking at your order and writes the prescription."),
    ),
    OrderState.AWAITING_FULFILLMENT: (
        gettext_lazy("Pharmacy"),
        gettext_lazy("The prescription is written. The pharmacy takes it from here."),
    ),
    OrderState.AWAITING_SHIPMENT: (
        gettext_lazy("Packing"),
        gettext_lazy("The pharmacy is packing your order."),
    ),
    OrderState.SHIPPED: (gettext_lazy("Shipped"), gettext_lazy("Your order is on its way to you.")),
    OrderState.CANCELLED: (
        gettext_lazy("Cancelled"),
        gettext_lazy("This order was cancelled. Nothing will be sent."),
    ),
}


class Standing(StrEnum):
    PASSED = "passed"
    CURRENT = "current"
    AHEAD = "ahead"
    STOPPED = "stopped"
    UNFINISHED = "unfinished"


#: How the line says it in words, beside the sign.
SAYS: dict[str, Any] = {
    Standing.PASSED: gettext_lazy("done"),
    Standing.CURRENT: gettext_lazy("now"),
    Standing.AHEAD: gettext_lazy("to come"),
    Standing.STOPPED: gettext_lazy("nothing follows"),
    Standing.UNFINISHED: gettext_lazy("not finished"),
}


@dataclass(frozen=True, slots=True)
class Gate:
    label: Any
    standing: Standing
    at: datetime | None = None

    @property
    def says(self) -> Any:
        return SAYS[self.standing]


@dataclass(frozen=True, slots=True)
class Progress:
    """The line of one order, ready to be drawn."""

    gates: Sequence[Gate]
    label: Any
    means: Any
    tone: str

    @property
    def in_words(self) -> str:
        """“Step 3 of 5: Prescription”, for those who do not see the line; the end is just named."""
        standings = [gate.standing for gate in self.gates]
        if Standing.CURRENT not in standings:
            return str(self.label)
        number = 1 + standings.index(Standing.CURRENT)
        told = {"number": number, "of": len(standings), "gate": self.label}
        return _("Step %(number)s of %(of)s: %(gate)s") % told

    @property
    def track(self) -> Sequence[Mark]:
        """Where each gate stands on a line from 0 to 100."""
        step = 100 / max(len(self.gates) - 1, 1)
        places = [round(step * place, 2) for place in range(len(self.gates))]
        return [
            Mark(gate, f"{x}%", f"{places[max(place - 1, 0)]}%")
            for place, (gate, x) in enumerate(zip(self.gates, places, strict=True))
        ]


@dataclass(frozen=True, slots=True)
class Mark:
    """A gate on the drawn line: where it is, and where the piece of line that leads to it begins."""

    gate: Gate
    x: str
    since: str


def progress(order: Order, entered: Mapping[str, datetime]) -> Progress:
    """``entered`` is what is known of the states it has been in (``workflows.catalogue.history``)."""
    label, means = WORDS[order.state]
    return Progress(tuple(_gates(order, entered)), label, means, TONES.get(order.state, "calm"))


#: What wants the patient's attention, and what is over.
TONES = {
    OrderState.AWAITING_PAYMENT: "wait",
    OrderState.AWAITING_REQUIREMENTS: "wait",
    OrderState.SHIPPED: "good",
    OrderState.CANCELLED: "stop",
}
STANDINGS = {OrderState.SHIPPED: Standing.PASSED, OrderState.CANCELLED: Standing.STOPPED}


def _gates(order: Order, entered: Mapping[str, datetime]) -> Iterator[Gate]:
    here = OrderState(order.state)
    behind = set(STATES[: STATES.index(here)])
    passed = behind & ({OrderState.PENDING, *entered} | certain(OrderState.PENDING, here))
    for state in sorted(passed, key=STATES.index):
        at = order.created_at if state == OrderState.PENDING else entered.get(state)
        left = here == OrderState.CANCELLED and state == _latest(entered, behind)
        yield Gate(WORDS[state][0], Standing.UNFINISHED if left else Standing.PASSED, at)
    yield Gate(WORDS[here][0], STANDINGS.get(here, Standing.CURRENT), order.state_entered_at)
    for state in sorted(certain(here, OrderState.SHIPPED) | _end_of(here), key=STATES.index):
        yield Gate(WORDS[state][0], Standing.AHEAD)


def _latest(entered: Mapping[str, datetime], among: set[OrderState]) -> str | None:
    """Where it stood when it was called off: that gate was never passed."""
    return max((state for state in entered if state in among), key=entered.__getitem__, default=None)


def _end_of(here: OrderState) -> set[OrderState]:
    return {OrderState.SHIPPED} & _reached(here) - {here}


# ── What is certain ───────────────────────────────────────────────────────────────────────────────────────
@cache
def certain(start: OrderState, end: OrderState) -> frozenset[OrderState]:
    """The states between the two that every way from the one to the other passes, cancelled orders aside."""
    if end == OrderState.CANCELLED or end not in _reached(start):
        return frozenset()
    between = set(STATES) - {start, end}
    return frozenset(state for state in between if end not in _reached(start, without=state))


@cache
def _ways() -> Mapping[OrderState, frozenset[OrderState]]:
    """State → the ones a move leads to. Somebody's override could lead anywhere and promises nothing."""
    moves = [move for move in Order.moves().values() if move.target not in (None, OrderState.CANCELLED)]
    return {
        state: frozenset(OrderState(move.target) for move in moves if state in move.sources)
        for state in STATES
    }


def _reached(start: OrderState, without: OrderState | None = None) -> set[OrderState]:
    """Every state that can follow, when that one is closed."""
    found, waiting = {start}, [start]
    while waiting:
        for state in _ways()[waiting.pop()] - found - {without}:
            found.add(state)
            waiting.append(state)
    return found
