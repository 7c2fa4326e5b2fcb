"""CareOps' own vocabulary: a thin envelope with references, states and names of changed fields; no clinical content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows.catalogue.ports import Envelope, envelopes
from workflows.models import EventRecord


def write(event: EventRecord, name: str) -> Mapping[str, Any]:
    """The body of a subscribed webhook, in the shape Standard Webhooks proposes: type, timestamp, data."""
    return {
        "type": name,
        "timestamp": event.occurred_at.isoformat(),
        "data": {
            "event": str(event.uid),
            "position": event.position,
            "subject": {"type": event.subject_type, "id": str(event.subject_id)},
            "patient": str(event.patient_id) if event.patient_id else None,
            "actor": {"kind": event.actor_kind},
            **event.data,
        },
    }


envelopes.add(Envelope(name="careops", label=_("CareOps"), write=write))
