"""Everything on its way out, whatever the channel: one queue, one list of dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from careops.lib.ids import uuid7
from workflows.catalogue.recording import Cause
from workflows.models.endpoint import Endpoint
from workflows.models.event_record import EventRecord, wake_sender
from workflows.models.queue import Queued
from workflows.models.run import StepRun


class Delivery(Queued):
    """One message to one receiver. ``key`` makes it unique; ``uid`` is what the receiver may deduplicate by."""

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    channel = models.CharField(_("channel"), max_length=20)
    key = models.CharField(_("key"), max_length=200, unique=True)
    subject_type = models.CharField(_("what"), max_length=80)
    subject_id = models.UUIDField(_("which"))
    endpoint = models.ForeignKey(
        Endpoint, models.PROTECT, null=True, related_name="deliveries", verbose_name=_("endpoint")
    )
    event = models.ForeignKey(
        EventRecord, models.PROTECT, null=True, related_name="deliveries", verbose_name=_("event")
    )
    step = models.ForeignKey(
        StepRun, models.SET_NULL, null=True, related_name="deliveries", verbose_name=_("asked for by")
    )
    correlation_id = models.UUIDField(_("correlation"), null=True)
    caused_by = models.ForeignKey(
        "workflows.Run", models.SET_NULL, null=True, related_name="+", verbose_name=_("because of")
    )
    depth = models.PositiveSmallIntegerField(_("depth"), default=0)
    body = models.JSONField(_("body"), default=dict)
    status = models.PositiveSmallIntegerField(_("answer"), null=True)
    result = models.JSONField(_("outcome"), default=dict)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        indexes = [
            *Queued.queue_indexes("delivery"),
            models.Index(
                fields=["subject_type", "subject_id"], name="delivery_of_subject"
            ),  # a message's page
        ]

    @classmethod
    def queue(cls, deliveries: Sequence[Self]) -> None:
        """Hand them to the senders when this transaction commits; a key that is known already is left out."""
        cls.objects.bulk_create(deliveries, ignore_conflicts=True)
        wake_sender()

    def because_of(self, cause: Cause) -> Delivery:
        """Remember the chain of events this delivery belongs to: what it causes goes on from there."""
        self.correlation_id, self.caused_by_id, self.depth = (
            cause.correlation_id,
            cause.caused_by,
            cause.depth,
        )
        return self

    def __str__(self) -> str:
        return f"Delivery {self.pk}"
