"""Rows that wait to be worked on: claimed with a lease, fenced against a worker that comes back from the dead."""

from __future__ import annotations

from secrets import token_hex

from django.db import models
from django.utils.translation import gettext_lazy as _

from careops.lib.clock import Now, RealNow
from careops.lib.rows import Row


class Lane(models.TextChoices):
    """How urgent: a person who just clicked does not wait behind a hundred thousand reminders."""

    INTERACTIVE = "interactive", _("interactive")
    DEFAULT = "default", _("default")
    BULK = "bulk", _("bulk")


class QueueState(models.TextChoices):
    DUE = "due", _("due")
    RUNNING = "running", _("running")
    WAITING = "waiting", _("waiting for an answer")
    PAUSED = "paused", _("paused")
    DONE = "done", _("done")
    SKIPPED = "skipped", _("skipped")
    CANCELLED = "cancelled", _("cancelled")
    FAILED = "failed", _("failed")
    HELD = "held", _("outcome unknown")


#: States in which nothing more will happen by itself.
OVER = (QueueState.DONE, QueueState.SKIPPED, QueueState.CANCELLED, QueueState.FAILED, QueueState.HELD)


class Queued(Row):
    """One piece of work. Only the holder of the current ``fence`` may finish it.

    ``attempts`` counts tries that ended in an error, ``crashes`` the times its worker vanished while it was claimed
    alone. ``log`` keeps one entry per attempt, newest last.
    """

    state = models.CharField(_("state"), max_length=12, choices=QueueState.choices, default=QueueState.DUE)
    lane = models.CharField(_("lane"), max_length=12, choices=Lane.choices, default=Lane.DEFAULT)
    due_at = models.DateTimeField(_("due"), db_default=Now())
    fence = models.PositiveIntegerField(_("fence"), default=0)
    lease_until = models.DateTimeField(_("leased until"), null=True)
    worker = models.CharField(_("worker"), max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    crashes = models.PositiveSmallIntegerField(_("crashes"), default=0)
    #: Once a batch with this row failed or was lost, it is claimed alone, so that it harms no neighbour.
    alone = models.BooleanField(default=False)
    error_code = models.CharField(_("error"), max_length=60, blank=True)
    error = models.TextField(_("what went wrong"), blank=True)
    log = models.JSONField(_("attempts in detail"), default=list)
    created_at = models.DateTimeField(_("created"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        abstract = True

    @staticmethod
    def queue_indexes(prefix: str) -> list[models.Index]:
        """The claim's queries: what is due, in order of due time; what is due alone; and whose lease ran out."""
        due = models.Q(state=QueueState.DUE)
        return [
            models.Index(
                fields=["lane", "due_at", "id"], name=f"{prefix}_due", condition=due & models.Q(alone=False)
            ),
            models.Index(
                fields=["lane", "due_at", "id"], name=f"{prefix}_lone", condition=due & models.Q(alone=True)
            ),
            models.Index(
                fields=["lease_until"], name=f"{prefix}_leased", condition=models.Q(state=QueueState.RUNNING)
            ),
            models.Index(
                fields=["-finished_at"],
                name=f"{prefix}_dead",
                condition=models.Q(state__in=[QueueState.FAILED, QueueState.HELD]),
            ),
        ]


def new_bell() -> str:
    """The name of a channel nobody else listens on. Never empty: ringing it is part of every change of a record."""
    return f"careops_{token_hex(8)}"


class Drainer(models.Model):
    """A drain at work: its sign of life, and whether it is idle and wants to be woken."""

    name = models.CharField(max_length=80, primary_key=True)
    lane = models.CharField(max_length=12)
    idle = models.BooleanField(default=False)
    #: The channel it LISTENs on: one drain is woken, not all of them.
    bell = models.CharField(max_length=40, default=new_bell)
    seen_at = models.DateTimeField(db_default=RealNow())

    class Meta:
        verbose_name = _("drain")
        verbose_name_plural = _("drains")
        default_permissions = ()
        indexes = [models.Index(fields=["idle"], name="drainer_idle", condition=models.Q(idle=True))]

    def __str__(self) -> str:
        return self.name
