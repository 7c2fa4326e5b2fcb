"""Runs tell the whole story: what was asked and answered, what each step was given, did, and when."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from careops.lib.clock import Now
from careops.lib.rows import Row
from workflows.models.automation import AutomationVersion
from workflows.models.event_record import EventRecord
from workflows.models.queue import Queued


class Run(Row):
    """One automation answering one event. ``trace`` holds every condition's actual value and verdict, in the form that
    ``workflows.conditions.verdict`` writes and ``workflows.traces`` tells.

    A built-in reaction's run has no version; ``reaction`` names it.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped by a step")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    id = models.BigAutoField(primary_key=True)
    # Indexes of several columns begin with the first two; versions are never deleted, nor runs looked up by them.
    event = models.ForeignKey(
        EventRecord, models.PROTECT, related_name="runs", db_index=False, verbose_name=_("event")
    )
    automation = models.ForeignKey(
        "workflows.Automation", models.PROTECT, null=True, related_name="runs", db_index=False,
        verbose_name=_("automation"),
    )  # fmt: skip
    version = models.ForeignKey(
        AutomationVersion, models.PROTECT, null=True, related_name="runs", db_index=False,
        verbose_name=_("version"),
    )  # fmt: skip
    reaction = models.CharField(_("built in"), max_length=60, blank=True)
    subject_type = models.CharField(_("about"), max_length=80)
    subject_id = models.UUIDField(_("their id"))
    patient_id = models.UUIDField(_("patient"), null=True)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.RUNNING)
    trace = models.JSONField(_("conditions"), default=dict)
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-id"]
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["event", "automation"], name="run_once_per_event"),
            models.UniqueConstraint(
                fields=["event", "reaction"], name="reaction_once_per_event", condition=~Q(reaction="")
            ),
            models.CheckConstraint(
                condition=Q(version__isnull=False) | ~Q(reaction=""), name="run_of_something"
            ),
        ]
        indexes = [
            models.Index(
                fields=["automation", "subject_id", "-started_at"], name="run_per_subject"
            ),  # the hourly bound
            models.Index(fields=["patient_id", "-id"], name="run_of_patient"),  # a patient's timeline
            models.Index(
                fields=["subject_type", "subject_id", "-id"], name="run_of_subject"
            ),  # a record's timeline
            models.Index(fields=["state", "-id"], name="run_by_state"),  # the list's filter
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"


class StepRun(Queued):
    """One step of one run; the row is the queue entry.

    ``key`` is the step's key in its version. ``rested`` says that a wait is over once the row is due again.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(
        Run, models.CASCADE, related_name="steps", db_index=False, verbose_name=_("run")
    )  # step_once_per_run begins with it
    key = models.CharField(_("step"), max_length=60)
    position = models.PositiveSmallIntegerField(_("place"))
    action = models.CharField(_("action"), max_length=60)
    rested = models.BooleanField(default=False)
    awaits = models.CharField(_("waits for delivery"), max_length=200, blank=True)
    trace = models.JSONField(_("only if"), default=dict)
    input = models.JSONField(_("given"), default=dict)
    result = models.JSONField(_("result"), default=dict)

    class Meta:
        verbose_name = _("step run")
        verbose_name_plural = _("step runs")
        ordering = ["run", "position"]
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="step_once_per_run")]
        indexes = [
            *Queued.queue_indexes("step"),
            # A settled delivery wakes the step that waits for it.
            models.Index(fields=["awaits"], name="step_awaits", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"Step {self.key} of run {self.run_id}"


class Ids(ArrayField):
    """Many UUIDs, sent as the text of an array: Django and psycopg would each look at every one of them, which takes
    longer than finding out why five hundred automations did not run."""

    def __init__(self, base_field: Any = None, **options: Any) -> None:
        super().__init__(base_field or models.UUIDField(), **options)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.contrib.postgres.fields.ArrayField", args, kwargs

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return f"{{{','.join(map(str, value))}}}" if isinstance(value, list | tuple) else value


class NonMatch(models.Model):
    """Why automations that listened to an event did not run: one compact row per event, however many listened.

    What was found out about the event stands once, in ``saw``. ``verdicts`` are as many as ``automations``: which
    version of it was asked, and the rest of its trace. An event that nobody could be shown has one verdict only.
    """

    event = models.OneToOneField(EventRecord, models.CASCADE, primary_key=True, related_name="non_match",
                                 verbose_name=_("event"))  # fmt: skip
    automations = Ids(verbose_name=_("automations"))
    saw = models.JSONField(_("answers"), default=dict)
    verdicts = models.JSONField(_("why not"))

    class Meta:
        verbose_name = _("non-run")
        verbose_name_plural = _("non-runs")
        ordering = ["-event_id"]
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        indexes = [
            GinIndex(fields=["automations"], name="nonmatch_automations")
        ]  # an automation's "why not?" list

    def __str__(self) -> str:
        return f"Non-runs of event {self.event_id}"
