"""The order: from what somebody asked for to the parcel that left, one gate after the other."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Func, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from django_fsm import RETURN_VALUE, FSMField

from careops.access.audit import audit
from careops.access.models import AuditEntry
from careops.lib.clock import Now
from orders import events
from orders.forms import CancelForm, OverrideForm, ShipForm
from orders.models.line import OrderLine
from orders.states import OPEN, STATES, UNPAID, OrderState, paid_before
from workflows.catalogue import Machine, Privacy, cause, transition

CREATE_NUMBERS = "CREATE SEQUENCE orders_order_number START 10001"
DROP_NUMBERS = "DROP SEQUENCE orders_order_number"


class NextNumber(Func):
    """O-10023: short enough to be read out on the telephone, and it says nothing about the patient."""

    template = "'O-' || nextval('orders_order_number')"
    arity = 0
    output_field: ClassVar[Any] = models.CharField()


def total_cents() -> Coalesce:
    """What the lines of an order come to, as an expression over orders."""
    lines = OrderLine.objects.filter(order=OuterRef("pk")).order_by().values("order")
    total = lines.annotate(total=Sum(F("quantity") * F("unit_price_cents"))).values("total")
    return Coalesce(Subquery(total, output_field=models.BigIntegerField()), 0)


class Order(Machine):
    """Something a patient ordered.

    The gates between payment and shipment are asked in the order of ``OrderState``. One that does not apply
    is skipped, so each may be entered from "processing" and from the gates before it. Two are never walked
    round: a prescription that is awaited must be received, and one that was received must be linked.
    """

    created_event = events.ORDER_CREATED
    updated_event = events.ORDER_UPDATED

    State = OrderState

    class Source(models.TextChoices):
        PORTAL = "portal", _("patient portal")
        STAFF = "staff", _("entered by staff")
        SUBSCRIPTION = "subscription", _("subscription")
        INTEGRATION = "integration", _("integration")

    privacy: ClassVar[dict[str, Privacy]] = {
        "number": Privacy.PUBLIC,
        "source": Privacy.PUBLIC,
        "carrier": Privacy.PUBLIC,
        "tracking_number": Privacy.PERSONAL,
        "ship_phone": Privacy.PERSONAL,
        "cancel_reason": Privacy.PHI,
        "notes": Privacy.PHI,
        "state_entered_at": Privacy.PUBLIC,
        **dict.fromkeys(events.SHIPPING_ADDRESS, Privacy.PERSONAL),
    }

    number = models.CharField(
        _("number"), max_length=24, unique=True, db_default=NextNumber(), editable=False
    )
    patient = models.ForeignKey(
        "patients.Patient", models.PROTECT, related_name="orders", db_index=False, verbose_name=_("patient")
    )
    state = FSMField(
        _("status"), max_length=24, choices=OrderState.choices, default=OrderState.PENDING, editable=False
    )
    state_entered_at = models.DateTimeField(_("in this status since"), db_default=Now(), editable=False)
    source = models.CharField(_("came by"), max_length=12, choices=Source.choices, default=Source.STAFF)
    ship_name = models.CharField(_("ship to"), max_length=200, blank=True)
    ship_line1 = models.CharField(_("address"), max_length=200, blank=True)
    ship_line2 = models.CharField(_("address, second line"), max_length=200, blank=True)
    ship_city = models.CharField(_("city"), max_length=100, blank=True)
    ship_region = models.CharField(_("state or region"), max_length=100, blank=True)
    ship_postal_code = models.CharField(_("postal code"), max_length=20, blank=True)
    ship_country = models.CharField(_("country"), max_length=2, blank=True, default="US")
    ship_phone = models.CharField(_("phone for the carrier"), max_length=30, blank=True)
    carrier = models.CharField(_("carrier"), max_length=60, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=100, blank=True)
    cancel_reason = models.TextField(_("why it was cancelled"), blank=True, editable=False)
    notes = models.TextField(_("notes"), blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OrderState.values), name="order_state_known"),
            models.CheckConstraint(
                condition=Q(cancel_reason="") | Q(state=OrderState.CANCELLED),
                name="order_reason_when_cancelled",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="order_newest"),  # the list of orders
            models.Index(fields=["patient", "-created_at"], name="order_of_patient"),  # a patient's orders
            models.Index(fields=["state", "state_entered_at"], name="order_stuck"),  # "what waits longest?"
            # The API: "what changed since?".
            models.Index(fields=["updated_at", "id"], name="order_changed"),
        ]

    def __str__(self) -> str:
        return f"Order {self.number}"

    # ── Payment ──────────────────────────────────────────────────────────────────────────────────────────
    @transition(state, source=UNPAID, target=OrderState.PROCESSING, needs="orders.charge_order",
                event=events.ORDER_PROCESSING, label=_("Charge"))  # fmt: skip
    def charge(self) -> None:
        """The money is in (CP-H 4171819, 5121889: from these two states only)."""

    @transition(state, source=[OrderState.PENDING, OrderState.PROCESSING], target=OrderState.AWAITING_PAYMENT,
                needs="orders.charge_order", event=events.ORDER_AWAITING_PAYMENT,
                label=_("Payment failed"))  # fmt: skip
    def fail_payment(self) -> None:
        """The charge failed, or what was charged was taken back."""

    # ── Gates ────────────────────────────────────────────────────────────────────────────────────────────
    @transition(state, source=paid_before(OrderState.AWAITING_REQUIREMENTS),
                target=OrderState.AWAITING_REQUIREMENTS, needs="orders.requirements_order",
                event=events.ORDER_AWAITING_REQUIREMENTS, label=_("Ask for what is missing"))  # fmt: skip
    def request_requirements(self) -> None:
        """A questionnaire, a consent, a selfie, an ID or an upload is missing."""

    @transition(state, source=paid_before(OrderState.AWAITING_REQUISITION),
                target=OrderState.AWAITING_REQUISITION, needs="orders.requirements_order",
                event=events.ORDER_AWAITING_REQUISITION, label=_("Ask for a lab test"))  # fmt: skip
    def request_requisition(self) -> None:
        """The patient must do a lab test."""

    @transition(state, source=paid_before(OrderState.AWAITING_RESULTS), target=OrderState.AWAITING_RESULTS,
                needs="orders.requirements_order", event=events.ORDER_AWAITING_RESULTS,
                label=_("Wait for results"))  # fmt: skip
    def await_results(self) -> None:
        """The test is under way; its results are not here yet."""

    @transition(state, source=paid_before(OrderState.AWAITING_SCRIPT), target=OrderState.AWAITING_SCRIPT,
                needs="orders.requirements_order", event=events.ORDER_AWAITING_SCRIPT,
                label=_("Ask for a prescription"))  # fmt: skip
    def request_script(self) -> None:
        """A clinician must prescribe."""

    @transition(state, source=OrderState.AWAITING_SCRIPT, target=OrderState.AWAITING_FULFILLMENT,
                needs="orders.prescribe_order", event=events.ORDER_AWAITING_FULFILLMENT,
                label=_("Prescription received"))  # fmt: skip
    def receive_script(self) -> None:
        """The prescription is in; the only way on from "awaiting prescription"."""

    @transition(state, source=paid_before(OrderState.AWAITING_SCRIPT), target=OrderState.AWAITING_FULFILLMENT,
                needs="orders.fulfil_order", event=events.ORDER_AWAITING_FULFILLMENT,
                label=_("Use an earlier prescription"))  # fmt: skip
    def await_fulfillment(self) -> None:
        """A refill: the prescription is at hand already (CP-H 5907571, 6349208)."""

    @transition(state, source=OrderState.AWAITING_FULFILLMENT, target=OrderState.AWAITING_SHIPMENT,
                needs="orders.fulfil_order", event=events.ORDER_AWAITING_SHIPMENT,
                label=_("Link the prescription"))  # fmt: skip
    def link_prescription(self) -> None:
        """The prescription is linked to the order and the pharmacy has both (CP-H 1284121)."""

    @transition(state, source=paid_before(OrderState.AWAITING_SCRIPT), target=OrderState.AWAITING_SHIPMENT,
                needs="orders.fulfil_order", event=events.ORDER_AWAITING_SHIPMENT,
                label=_("Release for shipment"))  # fmt: skip
    def release_for_shipment(self) -> None:
        """Nothing in it needs a prescription: it goes straight to the parcel (CP-H 1273240)."""

    # ── The end ──────────────────────────────────────────────────────────────────────────────────────────
    @transition(state, source=OrderState.AWAITING_SHIPMENT, target=OrderState.SHIPPED,
                needs="orders.ship_order", event=events.ORDER_SHIPPED, label=_("Ship"),
                arguments=ShipForm)  # fmt: skip
    def ship(self, tracking_number: str = "", carrier: str = "") -> None:
        """Handed over for delivery; a tracking number known now is told by its own event beside this one."""
        self.tracking_number = tracking_number or self.tracking_number
        self.carrier = carrier or self.carrier

    @transition(state, source=OPEN, target=OrderState.CANCELLED, needs="orders.cancel_order",
                event=events.ORDER_CANCELLED, label=_("Cancel"), arguments=CancelForm)  # fmt: skip
    def cancel(self, reason: str) -> None:
        self.cancel_reason = reason

    @transition(state, source=STATES, target=RETURN_VALUE(*STATES), needs="orders.override_order",
                event=events.BY_STATE, label=_("Set the status by hand"), arguments=OverrideForm)  # fmt: skip
    def override(self, state: str, reason: str) -> OrderState:
        """Any status, by hand (CP-H 7867115). The reason goes to the audit trail, never into the event."""
        if state == self.state:
            raise self._illegal("override")
        self.cancel_reason = reason if state == OrderState.CANCELLED else ""
        by, patient = cause().actor, self.patient_id
        audit(AuditEntry.Act.OVERRIDE, by, Order, [self.pk], patient_id=patient, reason=reason)
        return OrderState(state)

    # ── What a save tells and keeps ──────────────────────────────────────────────────────────────────────
    def _fields_to_write(self, changed: frozenset[str]) -> frozenset[str]:
        fields = super()._fields_to_write(changed)
        if self._stashed is None:
            return fields
        # The database's own clock, without asking it first.
        self.state_entered_at = self._stashed.occurred_at or Now()
        return fields | {"state_entered_at"}

    def _after_write(self) -> None:
        if not isinstance(self.state_entered_at, datetime):
            self.state_entered_at = self.updated_at  # the same statement wrote both
        super()._after_write()
