"""Messages from outside, stored before anything is believed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from careops.lib.fields import EncryptedTextField
from careops.lib.ids import uuid7
from workflows.models.queue import Queued


class InboundMessage(Queued):
    """One signed message, as it came. Its id is kept 90 days so that a replay is recognised.

    ``verdict`` says what came of it; an unmatched one waits for a person to say which record it means.
    """

    class Verdict(models.TextChoices):
        PENDING = "pending", _("not read yet")
        APPLIED = "applied", _("applied")
        UNMATCHED = "unmatched", _("unmatched")
        MALFORMED = "malformed", _("malformed")
        DISMISSED = "dismissed", _("dismissed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source = models.CharField(_("source"), max_length=40)
    message_id = models.CharField(_("message id"), max_length=255)
    body_hash = models.CharField(_("body hash"), max_length=64)
    body = EncryptedTextField(_("body"))
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict.choices, default=Verdict.PENDING)
    reference = models.CharField(_("their record"), max_length=120, blank=True)
    resolved_to = models.UUIDField(_("our record"), null=True, blank=True)
    outcome = models.JSONField(_("outcome"), default=dict)

    class Meta:
        verbose_name = _("inbound message")
        verbose_name_plural = _("inbound messages")
        ordering = ["-created_at"]
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        constraints = [models.UniqueConstraint(fields=["source", "message_id"], name="inbound_once")]
        indexes = [
            *Queued.queue_indexes("inbound"),
            models.Index(fields=["verdict", "-created_at"], name="inbound_by_verdict"),  # the unmatched list
            models.Index(
                fields=["source", "reference"], name="inbound_reference"
            ),  # all about one of their records
        ]

    def __str__(self) -> str:
        return f"Message {str(self.pk)[-8:]} from {self.source}"
