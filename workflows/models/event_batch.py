"""Stretches of the event log on their way from the dispatcher, who numbers, to the worker that acts upon them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, F, Min, Sum
from django.utils.translation import gettext_lazy as _

from workflows.models.event_record import EventRecord
from workflows.models.queue import Queued


class EventBatch(Queued):
    """Events with consecutive positions that nobody has acted upon yet. The row is gone once everything that follows
    from them is started: it is deleted in the very transaction that starts it."""

    id = models.BigAutoField(primary_key=True)
    first = models.BigIntegerField(_("first position"))
    last = models.BigIntegerField(_("last position"))
    #: What happened, each once: nothing is read of events that nobody listens to.
    names = ArrayField(models.CharField(max_length=100))

    class Meta:
        verbose_name = _("batch of events")
        verbose_name_plural = _("batches of events")
        default_permissions = ()
        indexes = Queued.queue_indexes("batch")

    def __str__(self) -> str:
        return f"Events {self.first} to {self.last}"


def waiting() -> tuple[int, datetime | None]:
    """How many events nobody has acted upon yet, numbered or not, and since when the oldest of them waits."""
    new = EventRecord.objects.filter(position=None).aggregate(number=Count("pk"), since=Min("recorded_at"))
    handed = EventBatch.objects.aggregate(number=Sum(F("last") - F("first") + 1), since=Min("created_at"))
    moments = [found["since"] for found in (new, handed) if found["since"]]
    return new["number"] + (handed["number"] or 0), min(moments, default=None)
