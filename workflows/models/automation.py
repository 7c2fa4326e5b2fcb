"""Automations, as staff configure them: a draft is edited, publishing freezes it, a run belongs to one version."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from careops.lib.clock import Now
from workflows import events
from workflows.catalogue import Machine, Privacy, transition
from workflows.catalogue.action import action_choices
from workflows.models.queue import Lane, QueueState


class Automation(Machine):
    """When *trigger* happens and *conditions* hold, carry out the steps."""

    created_event = events.AUTOMATION_CREATED
    updated_event = events.AUTOMATION_UPDATED

    privacy: ClassVar[dict[str, Privacy]] = dict.fromkeys(
        ("name", "description", "trigger", "conditions", "lane", "pause_reason"), Privacy.PUBLIC
    )

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LIVE = "live", _("live")
        PAUSED = "paused", _("paused")
        ARCHIVED = "archived", _("archived")

    name = models.CharField(_("name"), max_length=120, unique=True)
    description = models.TextField(_("what it is for"), blank=True)
    trigger = models.CharField(
        _("when this happens"), max_length=100, help_text=_("An event, by the name any vocabulary gives it.")
    )
    conditions = models.JSONField(_("and these conditions hold"), default=dict, blank=True)
    lane = models.CharField(
        _("urgency"),
        max_length=12,
        choices=Lane.choices,
        default=Lane.DEFAULT,
        help_text=_("Interactive work goes first; choose bulk for reminders to many people at once."),
    )
    state = FSMField(_("state"), max_length=12, choices=State.choices, default=State.DRAFT, editable=False)
    live = models.ForeignKey(
        "workflows.AutomationVersion", models.PROTECT, null=True, editable=False, related_name="+",
        verbose_name=_("published version"),
    )  # fmt: skip
    pause_reason = models.CharField(_("why it is paused"), max_length=200, blank=True, editable=False)

    class Meta:
        verbose_name = _("automation")
        verbose_name_plural = _("automations")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "live", "paused", "archived"]), name="automation_state_known"
            ),
            models.CheckConstraint(
                condition=Q(live__isnull=False) | Q(state__in=["draft", "archived"]),
                name="automation_live_has_version",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def _after_write(self) -> None:
        super()._after_write()
        if self._stashed and self._stashed.source == self.State.PAUSED:
            self._fetch_parked_steps()

    def _fetch_parked_steps(self) -> None:
        """What fell due during the pause is due again: carried out now, or cancelled with an archived automation."""
        steps = apps.get_model("workflows.StepRun")._base_manager  # its module needs this one
        steps.filter(run__automation=self, state=QueueState.PAUSED).update(state=QueueState.DUE)

    @transition(state, source=[State.DRAFT, State.LIVE, State.PAUSED], target=State.LIVE, offered=False,
                needs="workflows.publish_automation", event=events.AUTOMATION_PUBLISHED, label=_("Publish"))  # fmt: skip
    def publish(self, version: AutomationVersion) -> None:
        """Make this version the live one; engine.publish checks the draft and writes the version first."""
        self.live = version
        self.pause_reason = ""
        self.tell(number=version.number)

    @transition(state, source=State.LIVE, target=State.PAUSED, needs="workflows.pause_automation",
                event=events.AUTOMATION_PAUSED, label=_("Pause"))  # fmt: skip
    def pause(self, reason: str = "") -> None:
        """No new run starts; runs under way wait where they are."""
        self.pause_reason = reason

    @transition(state, source=State.PAUSED, target=State.LIVE, needs="workflows.pause_automation",
                event=events.AUTOMATION_RESUMED, label=_("Resume"))  # fmt: skip
    def resume(self) -> None:
        self.pause_reason = ""

    @transition(state, source=[State.DRAFT, State.PAUSED], target=State.ARCHIVED, needs="workflows.archive_automation",
                event=events.AUTOMATION_ARCHIVED, label=_("Archive"))  # fmt: skip
    def archive(self) -> None:
        """Kept for its history; its runs that still wait are cancelled by the engine."""


class Step(models.Model):
    """One step of an automation's draft. ``key`` is stable; the number people see is its place in the list."""

    class Otherwise(models.TextChoices):
        SKIP = "skip", _("skip this step")
        STOP = "stop", _("stop here")

    class OnFailure(models.TextChoices):
        STOP = "stop", _("stop here")
        CONTINUE = "continue", _("go on with the next step")

    automation = models.ForeignKey(
        Automation, models.CASCADE, related_name="steps", verbose_name=_("automation")
    )
    position = models.PositiveIntegerField(_("place"), default=0, db_index=True)
    key = models.SlugField(_("key"), max_length=40, blank=True)
    action = models.CharField(_("do this"), max_length=60, choices=action_choices)
    parameters = models.JSONField(_("how"), default=dict, blank=True)
    only_if = models.JSONField(_("only if"), default=dict, blank=True)
    otherwise = models.CharField(
        _("otherwise"), max_length=12, choices=Otherwise.choices, default=Otherwise.SKIP
    )
    on_failure = models.CharField(
        _("if it fails for good"), max_length=12, choices=OnFailure.choices, default=OnFailure.STOP
    )

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["automation", "key"], name="step_key_once", condition=~Q(key=""))
        ]

    def __str__(self) -> str:
        return self.key or self.action

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A step without a key gets one that stays its own, whatever is inserted before it later."""
        if not self.key:
            taken = set(self.automation.steps.values_list("key", flat=True))
            stem = slugify(self.action).replace("-", "_")
            self.key = next(key for number in range(1, 1000) if (key := f"{stem}_{number}") not in taken)
        super().save(*args, **kwargs)


class AutomationVersion(models.Model):
    """What was published, word for word. Never changed: a run belongs to exactly one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    automation = models.ForeignKey(
        Automation, models.PROTECT, related_name="versions", verbose_name=_("automation")
    )
    number = models.PositiveIntegerField(_("number"))
    definition = models.JSONField(_("definition"))
    permissions = models.JSONField(_("may"), default=list)
    sentence = models.TextField(_("in words"))
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("published by")
    )
    published_at = models.DateTimeField(_("published at"), db_default=Now())

    class Meta:
        verbose_name = _("published version")
        verbose_name_plural = _("published versions")
        ordering = ["-number"]
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        constraints = [models.UniqueConstraint(fields=["automation", "number"], name="version_number_once")]

    def __str__(self) -> str:
        return _("version %(number)s") % {"number": self.number}
