"""What the tests of orders ask again and again."""

from __future__ import annotations

from typing import Any

from orders.models import Order
from workflows.models import EventRecord


def told(order: Order) -> list[tuple[str, dict[str, Any]]]:
    """The events about that order so far, oldest first, without the one of its creation."""
    rows = EventRecord.objects.filter(subject_type="orders.Order", subject_id=order.pk).order_by("id")
    return [(row.name, row.data) for row in rows if row.name != "order.created"]
