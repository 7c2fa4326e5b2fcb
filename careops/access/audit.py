"""Writing the audit trail: the surfaces write what people looked at, the services what they overrode."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import models

from careops.access.actor import Actor
from careops.access.models import AuditEntry


def audit(
    act: AuditEntry.Act,
    by: Actor,
    subject_type: type[models.Model],
    ids: Sequence[Any],
    *,
    patient_id: Any = None,
    reason: str = "",
    correlation_id: uuid.UUID | None = None,
) -> AuditEntry:
    """Add one entry, in the caller's transaction. ``correlation_id`` ties it to the events of the same request."""
    return AuditEntry.objects.create(
        actor_kind=by.kind,
        actor_id=by.id,
        act=act,
        subject_type=subject_type._meta.label,
        subject_ids=[str(one) for one in ids],
        patient_id=patient_id,
        reason=reason,
        correlation_id=correlation_id or uuid.uuid4(),
    )
