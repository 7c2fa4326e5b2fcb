"""What became of a POST that may be sent twice."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from careops.lib.clock import RealNow
from careops.lib.fields import EncryptedTextField


class IdempotencyRecord(models.Model):
    """One Idempotency-Key of one actor: being worked on until ``leased_until``, or answered with ``status``.

    ``claim`` names the attempt at work, so that one that outlived its lease writes nothing. The reply may tell of a
    patient, so it is encrypted. Rows go a day after they were made (``careops.access.idempotency``).
    """

    id = models.BigAutoField(primary_key=True)
    actor_kind = models.CharField(max_length=12)
    actor_id = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    claim = models.UUIDField(default=uuid.uuid4)
    leased_until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = EncryptedTextField(readable=True, blank=True)
    created_at = models.DateTimeField(db_default=RealNow())
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        default_permissions: ClassVar[tuple[str, ...]] = ()
        constraints = [
            models.UniqueConstraint(fields=["actor_kind", "actor_id", "key"], name="idempotency_once")
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="idempotency_expired")  # what the next claim throws away
        ]

    def __str__(self) -> str:
        return f"Answered request {self.pk}"
