"""The event table. It is the outbox: what the dispatcher has not numbered yet is still to be acted upon."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import connection, models
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from careops.lib.bulk import copy_in
from careops.lib.clock import Now
from careops.lib.ids import uuid7
from careops.lib.rows import Row
from workflows.catalogue.recording import Draft, cause

#: Sent once per recorded event, in process, for metrics and tests; rules never listen to it. Carries ``draft``.
event_recorded = Signal()


class EventRecord(Row):
    """One thing that happened, as recorded in the transaction that made it happen.

    ``position`` is null until the dispatcher numbers the row; positions are gapless and never change, so they are the
    feed's cursor. ``occurred_at`` is the fact's own time, ``recorded_at`` ours.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    name = models.CharField(_("event"), max_length=100)
    subject_type = models.CharField(_("about"), max_length=80)
    subject_id = models.UUIDField(_("their id"))
    patient_id = models.UUIDField(_("patient"), null=True)
    actor_kind = models.CharField(_("who"), max_length=12)
    actor_id = models.CharField(_("who exactly"), max_length=64, blank=True)
    data = models.JSONField(_("data"), default=dict)
    occurred_at = models.DateTimeField(_("happened at"), db_default=Now())
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())
    correlation_id = models.UUIDField(_("correlation"), default=uuid.uuid4)
    caused_by = models.ForeignKey(
        "workflows.Run",
        models.SET_NULL,
        null=True,
        related_name="caused_events",
        db_index=False,
        verbose_name=_("because of"),
    )
    depth = models.PositiveSmallIntegerField(_("depth"), default=0)
    quiet = models.BooleanField(_("quiet"), default=False)
    dedupe_key = models.CharField(_("dedupe key"), max_length=200, null=True)  # noqa: DJ001  (unique, so "none" must be null)
    position = models.BigIntegerField(_("position"), null=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-id"]
        default_permissions = ("view",)
        # Every row is written twice, without and with its position: an index that leaves out most rows costs next to
        # nothing, and each of the others is paid for twice.
        constraints = [
            models.UniqueConstraint(
                fields=["position"], name="event_position_once", condition=models.Q(position__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["dedupe_key"], name="event_dedupe_once", condition=models.Q(dedupe_key__isnull=False)
            ),
        ]
        indexes = [
            # The dispatcher: rows not numbered yet, oldest first.
            models.Index(fields=["id"], name="event_undispatched", condition=models.Q(position=None)),
            models.Index(
                fields=["subject_type", "subject_id", "-id"], name="event_of_subject"
            ),  # a record's timeline
            models.Index(fields=["patient_id", "-id"], name="event_of_patient"),  # a patient's timeline
            BrinIndex(fields=["recorded_at"], name="event_recorded_at"),  # the home page's events per hour
            models.Index(fields=["correlation_id"], name="event_correlation"),  # "what else happened then?"
            models.Index(
                fields=["caused_by"], name="event_caused_by", condition=models.Q(caused_by__isnull=False)
            ),  # a run's page: what came of it
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"


#: From here on COPY is quicker than a statement.
MANY = 10

COLUMNS = (
    "uid", "name", "subject_type", "subject_id", "patient_id", "actor_kind", "actor_id", "data",
    "correlation_id", "caused_by_id", "depth", "quiet", "dedupe_key", "occurred_at",
)  # fmt: skip
ROW = (
    "(%s::uuid, %s, %s, %s::uuid, %s::uuid, %s, %s, %s::jsonb, %s::uuid, %s::bigint, %s::smallint, %s::boolean, "
    "%s::text, coalesce(%s::timestamptz, careops_now()))"
)
# Nobody is told per event while drains are busy: a NOTIFY each halves the throughput. An idle drain says so in the table,
# and looks every second, which tells it from one that died in its sleep. Only "send" talks to the world.
_RING = (
    "SELECT pg_notify(bell, '') FROM workflows_drainer WHERE idle AND lane {which} 'send' "
    "AND seen_at > statement_timestamp() - interval '3 s' LIMIT {number}"
)


#: An SQL expression that wakes an idle worker when the surrounding transaction commits.
WAKING = f"({_RING.format(which='<>', number=1)})"


def _parameters(draft: Draft) -> list[Any]:
    cause = draft.cause
    return [
        uuid7(), draft.event.name, draft.event.subject, draft.subject_id, draft.patient_id, cause.actor.kind.value,
        cause.actor.id, json.dumps(dict(draft.data)), cause.correlation_id or uuid.uuid4(), cause.caused_by,
        cause.depth, cause.quiet, draft.dedupe_key, draft.occurred_at,
    ]  # fmt: skip


class TableSink:
    """Writes events and deliveries into our own tables; ``workflows.catalogue`` knows it only as a Sink."""

    def inserting(self, drafts: Sequence[Draft]) -> tuple[str, list[Any]]:
        """The INSERT as part of a save's statement: it happens exactly when that statement changed its row."""
        rows = ", ".join([ROW] * len(drafts))
        sql = (
            f"INSERT INTO workflows_eventrecord ({', '.join(COLUMNS)}) SELECT * FROM (VALUES {rows}) AS row "  # noqa: S608  (constants)
            "WHERE EXISTS (SELECT 1 FROM changed)"
        )
        return sql, [value for draft in drafts for value in _parameters(draft)]

    def waking(self) -> str:
        return WAKING

    def record(self, drafts: Sequence[Draft]) -> None:
        if len(drafts) >= MANY and not any(draft.dedupe_key or draft.occurred_at for draft in drafts):
            # Left out: occurred_at, which the database then chooses.
            copy_in(EventRecord._meta.db_table, COLUMNS[:-1], (_parameters(draft)[:-1] for draft in drafts))
            wake()
        else:
            self._insert(drafts)
        self.recorded(drafts)

    def _insert(self, drafts: Sequence[Draft]) -> None:
        """Wakes a worker in the same statement."""
        rows = ", ".join([ROW] * len(drafts))
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH told AS (INSERT INTO workflows_eventrecord ({', '.join(COLUMNS)}) VALUES {rows} "  # noqa: S608  (constants)
                f"ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL DO NOTHING) SELECT {WAKING}",
                [value for draft in drafts for value in _parameters(draft)],
            )

    def recorded(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            event_recorded.send(sender=EventRecord, draft=draft)

    def enqueue(self, channel: str, subject: models.Model, *, key: str, lane: str) -> None:
        from workflows.models.delivery import Delivery

        delivery = Delivery(
            channel=channel, key=key, subject_type=subject._meta.label, subject_id=subject.pk, lane=lane
        ).because_of(cause())
        Delivery.queue([delivery])


def entered(subject_type: str, ids: Sequence[uuid.UUID]) -> Iterable[tuple[uuid.UUID, str, datetime]]:
    """The states that these records entered, oldest first (workflows.catalogue.history)."""
    moved = EventRecord.objects.filter(subject_type=subject_type, subject_id__in=ids, data__has_key="to")
    return moved.order_by("id").values_list("subject_id", "data__to", "occurred_at")


def wake(number: int = 1) -> None:
    """Tell so many idle drains, at commit, that there are events or steps; drains that are busy find them themselves."""
    _ring("<>", number)


def wake_sender() -> None:
    """Tell an idle drain of the "send" lane, at commit, that there is something to send."""
    _ring("=", 1)


def _ring(which: str, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_RING.format(which=which, number=number))
