"""What happens to orders. The names are CarePortals'; CareValidate has one for any change of status."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from orders.states import OrderState
from workflows.catalogue import Event, Kind, events

ORDER = "orders.Order"


def _status(name: str, says: Any, *, in_careportals: bool = True) -> Event:
    """A change of status, told by its own name and by the one that all of them share elsewhere."""
    careportals = (name, "order.status_updated") if in_careportals else ("order.status_updated",)
    return Event(
        name=name,
        says=says,
        subject=ORDER,
        kind=Kind.TRANSITION,
        carries=("from", "to"),
        aliases={"careportals": careportals, "carevalidate": ("ORDER_STATUS_CHANGED",)},
    )


ORDER_CREATED = Event(
    name="order.created",
    says=_("An order came into existence, by whatever route."),
    subject=ORDER,
    kind=Kind.CREATED,
    carries=("to",),
    aliases={"careportals": ("order.created",), "carevalidate": ("ORDER_CREATED",)},
)
SHIPPING_ADDRESS = (
    "ship_name", "ship_line1", "ship_line2", "ship_city", "ship_region", "ship_postal_code", "ship_country",
)  # fmt: skip
ORDER_UPDATED = Event(
    name="order.updated",
    says=_("An order's details were edited."),
    subject=ORDER,
    kind=Kind.UPDATED,
    carries=("changed",),
    unless=_("Not sent when only the shipping address or the tracking number changed."),
)
ORDER_SHIPPING_ADDRESS_UPDATED = Event(
    name="order.shipping_address_updated",
    says=_("The delivery address of an order was edited."),
    subject=ORDER,
    kind=Kind.UPDATED,
    carries=("changed",),
    unless=_("Not sent for the address an order is created with."),
    fields=SHIPPING_ADDRESS,
    aliases={"careportals": ("order.shipping_address_updated",)},
)
ORDER_TRACKING_ADDED = Event(
    name="order.tracking_added",
    says=_("A shipment tracking number was put on an order, or replaced."),
    subject=ORDER,
    kind=Kind.UPDATED,
    carries=("changed",),
    unless=_("Not sent when the number is taken away."),
    fields=("tracking_number",),
    when=lambda order: bool(order.tracking_number),
    aliases={"carevalidate": ("ORDER_TRACKING_ADDED",)},
)

ORDER_PENDING = _status(
    "order.pending", _("Somebody put an order back to before its payment."), in_careportals=False
)
ORDER_AWAITING_PAYMENT = _status(
    "order.awaiting_payment", _("Charging failed; the order waits for a successful payment.")
)
ORDER_PROCESSING = _status("order.processing", _("An order was paid for."))
ORDER_AWAITING_REQUIREMENTS = _status(
    "order.awaiting_requirements", _("Something the product demands, such as a questionnaire, is missing.")
)
ORDER_AWAITING_REQUISITION = _status(
    "order.awaiting_requisition", _("The patient has to do a lab test before the order can go on.")
)
ORDER_AWAITING_RESULTS = _status(
    "order.awaiting_results", _("The results of the lab test are not in yet."), in_careportals=False
)
ORDER_AWAITING_SCRIPT = _status("order.awaiting_script", _("A clinician has to write the prescription."))
ORDER_AWAITING_FULFILLMENT = _status(
    "order.awaiting_fulfillment", _("The prescription is in, but not linked to the order yet.")
)
ORDER_AWAITING_SHIPMENT = _status("order.awaiting_shipment", _("An order is ready and waits to be shipped."))
ORDER_SHIPPED = _status("order.shipped", _("An order was handed over for delivery."))
ORDER_CANCELLED = _status("order.cancelled", _("An order was cancelled."))

#: What is told when somebody sets a status by hand.
BY_STATE = {
    OrderState.PENDING: ORDER_PENDING,
    OrderState.AWAITING_PAYMENT: ORDER_AWAITING_PAYMENT,
    OrderState.PROCESSING: ORDER_PROCESSING,
    OrderState.AWAITING_REQUIREMENTS: ORDER_AWAITING_REQUIREMENTS,
    OrderState.AWAITING_REQUISITION: ORDER_AWAITING_REQUISITION,
    OrderState.AWAITING_RESULTS: ORDER_AWAITING_RESULTS,
    OrderState.AWAITING_SCRIPT: ORDER_AWAITING_SCRIPT,
    OrderState.AWAITING_FULFILLMENT: ORDER_AWAITING_FULFILLMENT,
    OrderState.AWAITING_SHIPMENT: ORDER_AWAITING_SHIPMENT,
    OrderState.SHIPPED: ORDER_SHIPPED,
    OrderState.CANCELLED: ORDER_CANCELLED,
}

events.declare(
    (
        ORDER_CREATED,
        ORDER_UPDATED,
        ORDER_SHIPPING_ADDRESS_UPDATED,
        ORDER_TRACKING_ADDED,
        *BY_STATE.values(),
    )
)
