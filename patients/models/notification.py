"""Notifications: a line for one member of staff, inside CareOps."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from patients import events
from patients.models.about import About
from patients.models.patient import Patient
from workflows.catalogue import Machine, Privacy, transition


class Notification(About, Machine):
    """Told to one user, about one record. ``origin`` is the step (and the user) that asked for it."""

    created_event = events.NOTIFICATION_CREATED

    class State(models.TextChoices):
        UNREAD = "unread", _("unread")
        READ = "read", _("read")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="notifications",
        db_index=False,
        verbose_name=_("for"),
    )
    patient = models.ForeignKey(
        Patient,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="notifications",
        verbose_name=_("patient"),
    )
    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), blank=True)
    state = FSMField(_("state"), max_length=8, choices=State.choices, default=State.UNREAD, editable=False)
    origin = models.CharField(_("asked for by"), max_length=200, blank=True, editable=False)

    privacy: ClassVar[dict[str, Privacy]] = {
        **About.ABOUT_PRIVACY,
        "title": Privacy.PHI,
        "body": Privacy.PHI,
        "origin": Privacy.PUBLIC,
    }

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["unread", "read"]), name="notification_state_known"
            ),
            models.UniqueConstraint(
                fields=["origin"], name="notification_once_per_origin", condition=~Q(origin="")
            ),
        ]
        indexes = [
            # Their list, unread first.
            models.Index(fields=["user", "state", "-id"], name="notification_of_user"),
        ]

    def __str__(self) -> str:
        return gettext("Notification %(ref)s") % {"ref": str(self.pk)[-8:]}

    @transition(state, source=State.UNREAD, target=State.READ, needs="patients.read_notification",
                event=events.NOTIFICATION_READ, label=_("Mark as read"))  # fmt: skip
    def read(self) -> None:
        """Its user has seen it."""
