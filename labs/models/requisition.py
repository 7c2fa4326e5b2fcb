"""The requisition: the paper that lets a sample be drawn."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from careops.lib.clock import now
from labs import events
from workflows.catalogue import Machine, Privacy, transition


class Requisition(Machine):
    """Made and issued when its lab order reaches *requisition created*, fulfilled when that is completed."""

    created_event = events.REQUISITION_CREATED
    updated_event = events.REQUISITION_UPDATED

    class State(models.TextChoices):
        CREATED = "created", _("created")
        ISSUED = "issued", _("issued")
        FULFILLED = "fulfilled", _("fulfilled")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.CREATED, State.ISSUED)

    order = models.ForeignKey(
        "labs.LabOrder", models.PROTECT, related_name="requisitions", verbose_name=_("lab order")
    )
    patient = models.ForeignKey(
        "patients.Patient",
        models.PROTECT,
        related_name="requisitions",
        verbose_name=_("patient"),
        editable=False,
    )
    state = FSMField(_("state"), max_length=10, choices=State.choices, default=State.CREATED, editable=False)
    number = models.CharField(_("form number"), max_length=60, blank=True)
    issued_at = models.DateTimeField(_("issued at"), null=True, editable=False)

    privacy: ClassVar[dict[str, Privacy]] = {"number": Privacy.PERSONAL, "issued_at": Privacy.PUBLIC}

    class Meta:
        verbose_name = _("requisition")
        verbose_name_plural = _("requisitions")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["created", "issued", "fulfilled", "cancelled"]),
                name="requisition_state_known",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state__in=["created", "issued"]),
                name="requisition_one_open",
                violation_error_message=_("The lab order has an open requisition already."),
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="labs_requisition_newest"),  # the list
            # The list, by state.
            models.Index(fields=["state", "-created_at"], name="labs_requisition_by_state"),
            # The list, by the number on the form.
            models.Index(fields=["number"], name="labs_requisition_number", condition=~Q(number="")),
        ]

    def __str__(self) -> str:
        return f"Requisition {str(self.pk)[-8:]}"

    def save(self, **kwargs: Any) -> None:
        if self._state.adding:
            self.patient_id = self.order.patient_id
        super().save(**kwargs)

    @transition(
        state,
        source=State.CREATED,
        target=State.ISSUED,
        needs="labs.issue_requisition",
        event=events.REQUISITION_ISSUED,
        label=_("Issue"),
    )
    def issue(self) -> None:
        """It is handed over: the sample may be drawn."""
        self.issued_at = self._occurred_at or now()

    @transition(
        state,
        source=OPEN,
        target=State.FULFILLED,
        needs="labs.fulfil_requisition",
        event=events.REQUISITION_FULFILLED,
        label=_("Fulfil"),
    )
    def fulfil(self) -> None:
        """Everything it asks for has been done."""

    @transition(
        state,
        source=OPEN,
        target=State.CANCELLED,
        needs="labs.cancel_requisition",
        event=events.REQUISITION_CANCELLED,
        label=_("Cancel"),
    )
    def cancel(self) -> None:
        """Nobody shall draw a sample on it any more."""
