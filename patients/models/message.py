"""Messages to and from people: what was said, to which address, and what became of it.

A message is sent at most once. What the machine cannot know (did the server take it before the line broke?)
it says: ``outcome unknown``, for a person to settle.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from careops.lib import clock
from patients import events
from patients.models.patient import Patient
from workflows.catalogue import SILENT, Machine, Privacy, enqueue, transition

#: Patients in these states are written to no more.
UNREACHABLE = {
    Patient.State.INACTIVE: "inactive",
    Patient.State.DECEASED: "deceased",
    Patient.State.MERGED: "merged",
}


class Message(Machine):
    """One message through one channel. ``to_address`` is where it went, whatever their address is today.

    ``origin`` is the step (and the recipient) that asked for it, so a repeated step writes nobody twice.
    """

    created_event = events.MESSAGE_CREATED

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("sending")
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        FAILED = "failed", _("failed")
        SUPPRESSED = "suppressed", _("not sent")
        OUTCOME_UNKNOWN = "outcome_unknown", _("outcome unknown")
        RECEIVED = "received", _("received")

    class Channel(models.TextChoices):
        EMAIL = "email", _("email")

    class Recipient(models.TextChoices):
        PATIENT = "patient", _("patient")
        STAFF = "staff", _("staff")
        CLINIC = "clinic", _("the clinic")

    class Purpose(models.TextChoices):
        CARE = "care", _("care")
        BILLING = "billing", _("billing")
        MARKETING = "marketing", _("marketing")

    class Obstacle(models.TextChoices):
        """Why a message was not sent."""

        NO_ADDRESS = "no_address", _("no usable address")
        INACTIVE = "inactive", _("the recipient is inactive")
        DECEASED = "deceased", _("the patient has died")
        MERGED = "merged", _("the patient's record was merged")

    channel = models.CharField(_("channel"), max_length=12, choices=Channel.choices, default=Channel.EMAIL)
    recipient = models.CharField(
        _("recipient"), max_length=8, choices=Recipient.choices, default=Recipient.PATIENT
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, null=True, blank=True, related_name="messages", db_index=False,
        verbose_name=_("patient"), help_text=_("Whom it is to, from, or about."),
    )  # fmt: skip
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="messages",
        limit_choices_to={"is_staff": True}, verbose_name=_("colleague"),
    )  # fmt: skip
    to_address = models.CharField(_("address"), max_length=254, blank=True, editable=False)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    purpose = models.CharField(_("purpose"), max_length=12, choices=Purpose.choices, default=Purpose.CARE)
    state = FSMField(_("state"), max_length=16, choices=State.choices, default=State.DRAFT, editable=False)
    obstacle = models.CharField(
        _("why it was not sent"), max_length=12, choices=Obstacle.choices, blank=True, editable=False
    )
    detail = models.CharField(_("the server's word"), max_length=200, blank=True, editable=False)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True, editable=False)
    origin = models.CharField(_("asked for by"), max_length=200, blank=True, editable=False)

    privacy: ClassVar[dict[str, Privacy]] = {
        "channel": Privacy.PUBLIC,
        "recipient": Privacy.PUBLIC,
        "to_address": Privacy.PERSONAL,
        "subject": Privacy.PHI,
        "body": Privacy.PHI,
        "purpose": Privacy.PUBLIC,
        "obstacle": Privacy.PERSONAL,
        "detail": Privacy.PUBLIC,
        "sent_at": Privacy.PUBLIC,
        "origin": Privacy.PUBLIC,
    }

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "draft", "queued", "sending", "sent", "delivered", "failed", "suppressed", "outcome_unknown",
                        "received",
                    ]
                ),
                name="message_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="suppressed") & ~Q(obstacle="") | ~Q(state="suppressed") & Q(obstacle=""),
                name="message_suppressed_says_why",
            ),
            models.UniqueConstraint(fields=["origin"], name="message_once_per_origin", condition=~Q(origin="")),
        ]  # fmt: skip
        indexes = [
            # The patient's page.
            models.Index(fields=["patient", "-id"], name="message_of_patient"),
            # Failed, or of unknown outcome.
            models.Index(fields=["state", "-id"], name="message_by_state"),
            # The API: "what changed since?".
            models.Index(fields=["updated_at", "id"], name="message_changed"),
        ]

    def __str__(self) -> str:
        return gettext("Message %(ref)s") % {"ref": str(self.pk)[-8:]}

    def clean(self) -> None:
        needed = "user" if self.recipient == self.Recipient.STAFF else "patient"
        if not getattr(self, needed):
            raise ValidationError({needed: _("Say who.")})

    def current_address(self) -> str:
        """Where the recipient is reached today, "" for nowhere."""
        recipient = self.user if self.recipient == self.Recipient.STAFF else self.patient
        return recipient.email if recipient else ""

    def what_hinders(self) -> str:
        """Why this message must not go out now, "" for nothing."""
        if self.recipient == self.Recipient.PATIENT and self.patient and self.patient.state in UNREACHABLE:
            return self.Obstacle(UNREACHABLE[self.patient.state])
        if self.user and not self.user.is_active:
            return self.Obstacle.INACTIVE
        return "" if _is_address(self.to_address) else self.Obstacle.NO_ADDRESS

    # ── What people and automations may do ───────────────────────────────────────────────────────────────
    @transition(state, source=State.DRAFT, target=State.QUEUED, needs="patients.send_message",
                event=events.MESSAGE_QUEUED, label=_("Send"))  # fmt: skip
    def queue(self) -> None:
        """Hand it to the channel's sender when the transaction commits."""
        self.to_address = self.to_address or self.current_address()
        enqueue(self.channel, self, key=f"message:{self.pk}")

    @transition(
        state, source=[State.DRAFT, State.QUEUED], target=State.SUPPRESSED, needs="patients.send_message",
        event=events.MESSAGE_SUPPRESSED, label=_("Do not send"), offered=False,
    )  # fmt: skip
    def suppress(self, obstacle: str) -> None:
        """It would have gone out, but must not: the record says why."""
        self.obstacle = obstacle
        self.tell(reason=str(obstacle))

    @transition(state, source=State.DRAFT, target=State.RECEIVED, needs="patients.add_message",
                event=events.MESSAGE_INBOUND, label=_("Receive"), offered=False)  # fmt: skip
    def receive(self) -> None:
        """It came from the patient."""

    # ── What became of it: the sender's moves, which are nobody else's ───────────────────────────────────
    @transition(
        state, source=[State.QUEUED, State.FAILED, State.OUTCOME_UNKNOWN], target=State.SENDING, needs="",
        event=SILENT, label=_("Begin to send"), offered=False,
    )  # fmt: skip
    def start_sending(self) -> None:
        """An attempt begins; after a failure or an unknown outcome only because a person asked for it."""

    @transition(
        state, source=State.SENDING, target=State.QUEUED, needs="", event=SILENT, label=_("Try later"),
        offered=False,
    )  # fmt: skip
    def postpone(self, detail: str = "") -> None:
        """The attempt failed for now; the delivery queue knows when the next one is due."""
        self.detail = detail[:200]

    @transition(state, source=[State.SENDING, State.OUTCOME_UNKNOWN], target=State.SENT, needs="",
                event=events.MESSAGE_SENT, label=_("Sent"), offered=False)  # fmt: skip
    def mark_sent(self, detail: str = "") -> None:
        """The server took it, or a person found out that it had."""
        self.sent_at = clock.now()
        self.detail = detail[:200]

    @transition(state, source=State.SENT, target=State.DELIVERED, needs="", event=events.MESSAGE_DELIVERED,
                label=_("Delivered"), offered=False)  # fmt: skip
    def mark_delivered(self) -> None:
        """A receipt came."""

    @transition(
        state, source=[State.QUEUED, State.SENDING, State.OUTCOME_UNKNOWN, State.SENT], target=State.FAILED,
        needs="", event=events.MESSAGE_FAILED, label=_("Failed"), offered=False,
    )  # fmt: skip
    def fail(self, detail: str = "") -> None:
        """It was refused for good, bounced, or every attempt failed."""
        self.detail = detail[:200]

    @transition(state, source=[State.QUEUED, State.SENDING], target=State.OUTCOME_UNKNOWN, needs="",
                event=events.MESSAGE_OUTCOME_UNKNOWN, label=_("Outcome unknown"), offered=False)  # fmt: skip
    def lose_track(self, detail: str = "") -> None:
        """The line broke while the server had it, or the worker vanished."""
        self.detail = detail[:200]


def _is_address(text: Any) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
