"""What a condition may ask about the event itself."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from careops.access.actor import ActorKind
from workflows.catalogue.fact import EventFact, ValueKind, event_facts

ACTORS = {
    ActorKind.STAFF: _("a person of the clinic"),
    ActorKind.PATIENT: _("the patient"),
    ActorKind.INTEGRATOR: _("an integrator"),
    ActorKind.AUTOMATION: _("an automation"),
    ActorKind.SYSTEM: _("the system"),
}


def actor_choices() -> list[tuple[str, Any]]:
    return [(kind.value, label) for kind, label in ACTORS.items()]


for _fact in (
    EventFact(name="event.name", label=_("the event"), kind=ValueKind.TEXT, read=lambda event: event.name),
    EventFact(name="event.from", label=_("the state before"), kind=ValueKind.TEXT,
              read=lambda event: event.data.get("from")),
    EventFact(name="event.to", label=_("the state after"), kind=ValueKind.TEXT,
              read=lambda event: event.data.get("to")),
    EventFact(name="event.changed", label=_("the changed fields"), kind=ValueKind.LIST,
              read=lambda event: event.data.get("changed")),
    EventFact(name="event.actor.kind", label=_("who did it"), kind=ValueKind.CHOICE, choices=actor_choices,
              read=lambda event: event.actor_kind),
    EventFact(name="event.occurred_at", label=_("the moment it happened"), kind=ValueKind.DATE,
              read=lambda event: event.occurred_at),
    EventFact(name="event.depth", label=_("how many events led to it"), kind=ValueKind.NUMBER,
              read=lambda event: event.depth),
):  # fmt: skip
    event_facts.add(_fact)
