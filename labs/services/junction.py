"""Junction's messages about lab orders: read strictly, tolerate what we do not need, find the order, apply.

The shape is seeds.md §5.5: ``{event_type, data, user_id, client_user_id, team_id}``, or the bare ``data`` as
in the seed's sample. Complaints name the place in the message and never a value from it: values are PHI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from labs.models import LabOrder
from labs.models.lab_order import JUNCTION
from labs.services.history import Told, hear
from workflows.catalogue import Malformed, Unmatched
from workflows.catalogue.recording import EARLIEST, LATEST

#: Junction also tells of appointments, critical results and parsing jobs (seeds.md §5.5): they move no order.
ORDER_EVENTS = ("labtest.order.created", "labtest.order.updated")
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Message:
    """What we need of a message: whose order it is and how that went so far."""

    reference: str
    sample_id: str
    told: tuple[Told, ...]


def interpret(body: Any, resolved_to: models.Model | None) -> Mapping[str, Any]:
    """Apply a message to its lab order, which is the one with the lab's id or the one a person chose.

    Runs in the drain's transaction and may run again. Raises Malformed, or Unmatched when there is no such
    order: a patient or an order is never made up from a message (reliability.md F6).
    """
    if not is_about_order(body):
        return {"ignored": "not about a lab order"}
    message = read(body)
    order = _locked_order(message, resolved_to)
    new = hear(order, message.told)
    return {
        "lab_order": str(order.pk),
        "state": order.state,
        "recorded": len(new),
        "applied": [row.status for row in new if row.applied],
    }


def candidates(_body: Any) -> models.QuerySet[LabOrder]:
    """The lab orders that an unmatched message may be about: those whose id at the lab we do not know yet."""
    return LabOrder.objects.filter(vendor=JUNCTION, external_id="").order_by("-created_at")


def reference(body: Any) -> str:
    """The lab's id of the order, "" for a message that does not say."""
    data = body.get("data", body) if isinstance(body, dict) else None
    found = data.get("id") if isinstance(data, dict) else None
    return found[:LONGEST] if isinstance(found, str) else ""


# ── Finding the order ─────────────────────────────────────────────────────────────────────────────────────
def _locked_order(message: Message, resolved_to: models.Model | None) -> LabOrder:
    """The order, its row locked until the message is applied and its gaps filled from the message."""
    orders = LabOrder.objects.select_for_update(of=("self",))
    order = orders.filter(vendor=JUNCTION, external_id=message.reference).first()
    if order is None:
        if not isinstance(resolved_to, LabOrder):
            raise Unmatched(message.reference, _("No lab order has this id."))
        order = orders.get(pk=resolved_to.pk)
        if order.external_id:
            raise Unmatched(
                message.reference, _("%(order)s is known to the lab by another id.") % {"order": order}
            )
        order.external_id = message.reference
    order.sample_id = order.sample_id or message.sample_id
    order.save()
    return order


# ── Reading the message ───────────────────────────────────────────────────────────────────────────────────
def is_about_order(body: Any) -> bool:
    """False for the other things Junction tells of; a bare body is always an order's."""
    return not isinstance(body, dict) or body.get("event_type", "labtest.order.updated") in ORDER_EVENTS


def read(body: Any) -> Message:
    """Raises Malformed, which names the place, for anything we could not rely on."""
    data, path = (body["data"], "data") if isinstance(body, dict) and "data" in body else (body, "body")
    if not isinstance(data, dict):
        raise _malformed(path, _("an object is needed"))
    events = data.get("events")
    if not isinstance(events, list):
        raise _malformed(f"{path}.events", _("a list is needed"))
    return Message(
        reference=_text(data, "id", path),
        sample_id="" if data.get("sample_id") is None else _text(data, "sample_id", path),
        told=tuple(_told(event, f"{path}.events[{index}]") for index, event in enumerate(events)),
    )


def _malformed(path: str, complaint: str) -> Malformed:
    return Malformed(f"{path}: {complaint}.")


def _told(event: Any, path: str) -> Told:
    if not isinstance(event, dict):
        raise _malformed(path, _("an object is needed"))
    external_id = event.get("id")
    if isinstance(external_id, int) and not isinstance(external_id, bool):
        event = {**event, "id": str(external_id)}
    return Told(
        status=_text(event, "status", path),
        occurred_at=_moment(event, "created_at", path),
        external_id="" if external_id is None else _text(event, "id", path),
    )


def _text(data: Mapping[str, Any], key: str, path: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or not value.isprintable():
        raise _malformed(f"{path}.{key}", _("a text of 1 to 100 printable characters is needed"))
    return value


def _moment(data: Mapping[str, Any], key: str, path: str) -> datetime:
    try:
        moment = parse_datetime(_text(data, key, path))
    except ValueError:  # of the right form, but no such moment: the 30th of February
        moment = None
    if moment is None or moment.tzinfo is None or not EARLIEST <= moment < LATEST:
        raise _malformed(f"{path}.{key}", _("a moment with its offset from UTC is needed"))
    return moment
