"""What a trigger is: the events behind the name, what others call them, and how one looks when it is sent."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from careops.access.actor import ActorKind
from workflows.catalogue import Event, envelopes, events
from workflows.catalogue.registry import UnknownName
from workflows.models import EventRecord

EXAMPLE = uuid.UUID("0190c2f1-7a3e-7c41-9f6b-2d1e5a8c4b70")
PERSON = uuid.UUID("0190c2f0-11d2-7e08-8a54-6b9c3f7d2e15")
MOMENT = datetime(2026, 3, 10, 18, 0, tzinfo=UTC)
#: What the keys of an event's data look like.
VALUES: Mapping[str, Any] = {"from": "state before", "to": "state after", "changed": ["field"], "number": 1}


@dataclass(frozen=True, slots=True)
class Described:
    event: Event
    others: list[tuple[str, list[str]]]
    sample: str


def describe_trigger(name: str) -> list[Described]:
    """Every event of that name; none for a name nobody knows."""
    try:
        meant = events.named(name)
    except UnknownName:
        return []
    return [
        Described(
            event,
            [(vocabulary, sorted(names)) for vocabulary, names in sorted(event.aliases.items())],
            json.dumps(envelopes.get("careops").write(sample_event(event), event.name), indent=2),
        )
        for event in meant
    ]


def sample_event(event: Event) -> EventRecord:
    """An event of that kind with invented references; never saved."""
    return EventRecord(
        uid=EXAMPLE,
        name=event.name,
        subject_type=event.subject,
        subject_id=PERSON if event.patient == "pk" else EXAMPLE,
        patient_id=PERSON if event.patient else None,
        actor_kind=ActorKind.STAFF,
        data={key: VALUES.get(key, "…") for key in event.carries},
        occurred_at=MOMENT,
        recorded_at=MOMENT,
        position=1042,
    )
