"""Webhook endpoints: who is told of which events, and the secrets that prove it was us."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from careops.lib.fields import EncryptedTextField
from careops.lib.signing import new_secret
from workflows import events
from workflows.catalogue import Machine, Privacy, transition


class Endpoint(Machine):
    """Where webhooks go. A subscribed endpoint gets every event it names; any may be called by an automation's step."""

    created_event = events.ENDPOINT_CREATED
    updated_event = events.ENDPOINT_UPDATED

    privacy: ClassVar[dict[str, Privacy]] = {
        **dict.fromkeys(("name", "url", "vocabulary", "subscriptions", "header_name"), Privacy.PUBLIC),
        **dict.fromkeys(("signing_secret", "header_value"), Privacy.RESTRICTED),
    }

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        DISABLED = "disabled", _("disabled")

    name = models.CharField(_("name"), max_length=80, unique=True)
    url = models.URLField(_("address"), max_length=500)
    vocabulary = models.CharField(
        _("vocabulary"),
        max_length=20,
        default="careops",
        help_text=_("How events are spelled and written for it."),
    )
    subscriptions = models.JSONField(
        _("told of these events"), default=list, blank=True,
        help_text=_("Event names, in any vocabulary. Leave empty for an endpoint that only automations call."),
    )  # fmt: skip
    signing_secret = EncryptedTextField(_("signing secret"), default=new_secret)
    header_name = models.CharField(_("extra header"), max_length=64, blank=True)
    header_value = EncryptedTextField(_("its value"), blank=True, default="")
    state = FSMField(_("state"), max_length=12, choices=State.choices, default=State.ACTIVE, editable=False)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["active", "paused", "disabled"]), name="endpoint_state_known"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @transition(state, source=State.ACTIVE, target=State.PAUSED, needs="workflows.pause_endpoint",
                event=events.ENDPOINT_PAUSED, label=_("Pause"))  # fmt: skip
    def pause(self) -> None:
        """Deliveries queue up and wait."""

    @transition(state, source=[State.PAUSED, State.DISABLED], target=State.ACTIVE, needs="workflows.pause_endpoint",
                event=events.ENDPOINT_RESUMED, label=_("Resume"))  # fmt: skip
    def resume(self) -> None:
        """Deliveries that waited go out, oldest first."""

    @transition(state, source=[State.ACTIVE, State.PAUSED], target=State.DISABLED, needs="workflows.pause_endpoint",
                event=events.ENDPOINT_DISABLED, label=_("Switch off"))  # fmt: skip
    def disable(self) -> None:
        """The receiver answered 410, or somebody switched it off."""
