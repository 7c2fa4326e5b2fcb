"""The states of an order, in the order in which an order passes them.

The states and their meaning are CarePortals' (reference/seeds.md §1.4). No diagram of theirs was found, so
which move leads where is inferred: from the payment to the first unmet gate, skipping what does not apply.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class OrderState(models.TextChoices):
    PENDING = "pending", _("pending")
    AWAITING_PAYMENT = "awaiting_payment", _("awaiting payment")
    PROCESSING = "processing", _("processing")
    AWAITING_REQUIREMENTS = "awaiting_requirements", _("awaiting requirements")
    AWAITING_REQUISITION = "awaiting_requisition", _("awaiting requisition")
    AWAITING_RESULTS = "awaiting_results", _("awaiting results")
    AWAITING_SCRIPT = "awaiting_script", _("awaiting prescription")
    AWAITING_FULFILLMENT = "awaiting_fulfillment", _("awaiting fulfillment")
    AWAITING_SHIPMENT = "awaiting_shipment", _("awaiting shipment")
    SHIPPED = "shipped", _("shipped")
    CANCELLED = "cancelled", _("cancelled")


STATES = tuple(OrderState)

#: Nobody has paid yet: the only states in which the Charge button shows.
UNPAID = (OrderState.PENDING, OrderState.AWAITING_PAYMENT)

#: Nothing moves these any more, except somebody's override.
ENDED = (OrderState.SHIPPED, OrderState.CANCELLED)

OPEN = tuple(state for state in STATES if state not in ENDED)


def paid_before(gate: OrderState) -> tuple[OrderState, ...]:
    """The states from "processing" up to the one before that gate: it may be the next one from each."""
    return STATES[STATES.index(OrderState.PROCESSING) : STATES.index(gate)]
