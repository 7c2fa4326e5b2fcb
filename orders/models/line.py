"""What an order is for, line by line."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workflows.catalogue import Privacy, Record


class OrderLine(Record):
    """One line of an order. Amounts are integers in cents; nobody is told of a line by itself."""

    privacy: ClassVar[dict[str, Privacy]] = {
        "name": Privacy.PHI,  # what somebody takes tells what they have
        "quantity": Privacy.PHI,
        "unit_price_cents": Privacy.PERSONAL,
    }

    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="lines", verbose_name=_("order"))
    name = models.CharField(_("product"), max_length=200)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    unit_price_cents = models.PositiveIntegerField(_("price each, in cents"))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["created_at", "id"]
        constraints = [models.CheckConstraint(condition=Q(quantity__gte=1), name="order_line_of_something")]

    def __str__(self) -> str:
        return f"Line {str(self.pk)[-8:]}"

    @property
    def total_cents(self) -> int:
        return self.quantity * self.unit_price_cents
