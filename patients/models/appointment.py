"""Appointments. Their time never changes: moving one closes it and books a new one, so reminders follow."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from patients import events
from patients.models.clinic import Clinic
from patients.models.patient import Patient
from patients.models.practitioner import Practitioner
from workflows.catalogue import Machine, Privacy, transition


class CancelForm(forms.Form):
    reason = forms.CharField(label=_("reason"), max_length=200, required=False)


class RescheduleForm(forms.Form):
    starts_at = forms.DateTimeField(
        label=_("new time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class Appointment(Machine):
    """A patient and a practitioner, at a time, for a service."""

    created_event = events.APPOINTMENT_BOOKED
    updated_event = events.APPOINTMENT_UPDATED

    class State(models.TextChoices):
        BOOKED = "booked", _("booked")
        CONFIRMED = "confirmed", _("confirmed")
        CHECKED_IN = "checked_in", _("checked in")
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")
        NO_SHOW = "no_show", _("did not come")

    class Service(models.TextChoices):
        INITIAL_EVALUATION = "Initial Evaluation", _("Initial Evaluation")
        FOLLOW_UP = "Follow-up", _("Follow-up")
        TREATMENT_SESSION = "Treatment Session", _("Treatment Session")
        RESULTS_REVIEW = "Results Review", _("Results Review")
        LAB_DRAW = "Lab Draw", _("Lab Draw")
        TELEHEALTH = "Telehealth Visit", _("Telehealth Visit")

    #: States in which the patient is still expected.
    UPCOMING: ClassVar[tuple[str, ...]] = (State.BOOKED, State.CONFIRMED)

    # The two indexes that begin with them serve these two foreign keys.
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="appointments", db_index=False, verbose_name=_("patient")
    )
    practitioner = models.ForeignKey(
        Practitioner,
        models.PROTECT,
        related_name="appointments",
        db_index=False,
        verbose_name=_("practitioner"),
    )
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="appointments", verbose_name=_("clinic"))
    service = models.CharField(
        _("service"), max_length=60, choices=Service.choices, default=Service.FOLLOW_UP
    )
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"))
    reason = models.CharField(_("reason for the visit"), max_length=200, blank=True)
    cancel_reason = models.CharField(_("reason for cancelling"), max_length=200, blank=True, editable=False)
    rescheduled_from = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="successor",
        verbose_name=_("moved from"),
    )  # fmt: skip
    state = FSMField(_("state"), max_length=12, choices=State.choices, default=State.BOOKED, editable=False)

    privacy: ClassVar[dict[str, Privacy]] = {
        "service": Privacy.PHI,
        "starts_at": Privacy.PHI,
        "ends_at": Privacy.PHI,
        "reason": Privacy.PHI,
        "cancel_reason": Privacy.PHI,
    }

    class Meta:
        verbose_name = _("appointment")
        verbose_name_plural = _("appointments")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=["booked", "confirmed", "checked_in", "completed", "cancelled", "no_show"]
                ),
                name="appointment_state_known",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="appointment_ends_after_start"
            ),
        ]
        indexes = [
            # History facts: "visits of this patient in the last 90 days", without a look at the table.
            models.Index(fields=["patient", "starts_at"], include=["state"], name="appointment_of_patient"),
            # Their day.
            models.Index(fields=["practitioner", "starts_at"], name="appointment_of_practitioner"),
            # Today's list, and the list's order. "Who was here in the last 90 days?" of everybody, without a look at
            # the table.
            models.Index(
                fields=["starts_at", "id"], include=["patient", "state"], name="appointment_by_start"
            ),
            # The API: "what changed since?".
            models.Index(fields=["updated_at", "id"], name="appointment_changed"),
        ]

    def __str__(self) -> str:
        return gettext("Appointment %(ref)s") % {"ref": str(self.pk)[-8:]}

    def clean(self) -> None:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": _("An appointment ends after it began.")})
        if self._state.adding:
            self._check_parties()

    def _check_parties(self) -> None:
        """A new appointment needs a patient who may come and a practitioner who still works here."""
        if self.patient_id and self.patient.state in (Patient.State.DECEASED, Patient.State.MERGED):
            raise ValidationError({"patient": _("No appointment can be booked for this patient any more.")})
        if self.practitioner_id and not self.practitioner.active:
            raise ValidationError({"practitioner": _("This practitioner takes no appointments.")})

    def not_moved(self) -> bool:
        """An appointment that moved is not brought back: its successor stands in its place."""
        return not Appointment.objects.filter(rescheduled_from=self).exists()

    def _end_from(self, starts_at: datetime) -> datetime:
        """When it would end if it began then. Raises ValidationError beyond the year 9999."""
        try:
            return starts_at + (self.ends_at - self.starts_at)
        except OverflowError:
            raise ValidationError({"starts_at": _("No calendar goes that far.")}) from None

    # ── Transitions ──────────────────────────────────────────────────────────────────────────────────────
    @transition(state, source=State.BOOKED, target=State.CONFIRMED, needs="patients.confirm_appointment",
                event=events.APPOINTMENT_CONFIRMED, label=_("Confirm"))  # fmt: skip
    def confirm(self) -> None:
        """The patient said that they will come."""

    @transition(state, source=UPCOMING, target=State.CHECKED_IN, needs="patients.check_in_appointment",
                event=events.APPOINTMENT_CHECKED_IN, label=_("Check in"))  # fmt: skip
    def check_in(self) -> None:
        """The patient is here."""

    @transition(state, source=State.CHECKED_IN, target=State.COMPLETED, needs="patients.complete_appointment",
                event=events.APPOINTMENT_COMPLETED, label=_("Complete"))  # fmt: skip
    def complete(self) -> None:
        """The visit took place."""

    @transition(state, source=UPCOMING, target=State.CANCELLED, needs="patients.reschedule_appointment",
                event=events.APPOINTMENT_RESCHEDULED, label=_("Move to another time"),
                arguments=RescheduleForm)  # fmt: skip
    def reschedule(self, starts_at: datetime, **changes: Any) -> None:
        """Close this appointment and book its ``successor``: the same in all but its time and the changes."""
        kept = {
            name: getattr(self, name) for name in ("patient", "practitioner", "clinic", "service", "reason")
        }
        booked = {**kept, "starts_at": starts_at, "ends_at": self._end_from(starts_at), **changes}
        successor = Appointment(rescheduled_from=self, **booked)
        successor.full_clean()
        successor.save()
        self.tell(successor=str(successor.pk))

    @transition(state, source=UPCOMING, target=State.NO_SHOW, needs="patients.mark_no_show_appointment",
                event=events.APPOINTMENT_NO_SHOW, label=_("Did not come"))  # fmt: skip
    def mark_no_show(self) -> None:
        """The patient did not come and did not call."""

    @transition(state, source=UPCOMING, target=State.CANCELLED, needs="patients.cancel_appointment",
                event=events.APPOINTMENT_CANCELLED, label=_("Cancel"), arguments=CancelForm)  # fmt: skip
    def cancel(self, reason: str = "") -> None:
        """It will not take place."""
        self.cancel_reason = reason

    @transition(state, source=[State.CANCELLED, State.NO_SHOW], target=State.BOOKED,
                needs="patients.restore_appointment", conditions=[not_moved],
                event=events.APPOINTMENT_RESTORED, label=_("Restore"))  # fmt: skip
    def restore(self) -> None:
        """It was cancelled or marked missed by mistake, or takes place after all."""
        self.cancel_reason = ""
