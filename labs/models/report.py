"""The lab's answer, and whether the patient may read it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import connection, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import GET_STATE, FSMField

from careops.lib.clock import now
from labs import events
from workflows.catalogue import Machine, Privacy, transition

MOVE_ON = """
UPDATE labs_report SET version = version + 1, updated_at = careops_now() WHERE id = %s RETURNING version, updated_at
"""


class Report(Machine):
    """The results of a lab order as one report. Once released, the patient reads it, always as it is now."""

    created_event = events.REPORT_CREATED
    updated_event = events.REPORT_UPDATED

    class State(models.TextChoices):
        PRELIMINARY = "preliminary", _("preliminary")
        FINAL = "final", _("final")
        CORRECTED = "corrected", _("corrected")

    SETTLED = (State.FINAL, State.CORRECTED)

    order = models.ForeignKey(
        "labs.LabOrder", models.PROTECT, related_name="reports", verbose_name=_("lab order")
    )
    patient = models.ForeignKey(
        "patients.Patient",
        models.PROTECT,
        related_name="lab_reports",
        verbose_name=_("patient"),
        editable=False,
        db_index=False,  # labs_report_of_patient begins with it
    )
    state = FSMField(
        _("state"), max_length=12, choices=State.choices, default=State.PRELIMINARY, editable=False
    )
    specimen_number = models.CharField(_("specimen number"), max_length=60, blank=True)
    collected_at = models.DateTimeField(_("sample taken at"), null=True, blank=True)
    reported_at = models.DateTimeField(_("reported at"), null=True, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    released_at = models.DateTimeField(_("released at"), null=True, editable=False)

    privacy: ClassVar[dict[str, Privacy]] = {
        "specimen_number": Privacy.PERSONAL,
        "collected_at": Privacy.PHI,
        "reported_at": Privacy.PHI,
        "notes": Privacy.PHI,
        "released_at": Privacy.PUBLIC,
    }

    class Meta:
        verbose_name = _("lab report")
        verbose_name_plural = _("lab reports")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["preliminary", "final", "corrected"]), name="report_state_known"
            ),
            models.CheckConstraint(
                condition=Q(released_at=None) | ~Q(state="preliminary"), name="report_released_settled"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="labs_report_newest"),  # the list
            models.Index(
                fields=["patient", "-created_at"], name="labs_report_of_patient"
            ),  # a patient's results
            models.Index(fields=["state", "-created_at"], name="labs_report_by_state"),  # the list, by state
            # The list, by the number on the tube.
            models.Index(
                fields=["specimen_number"], name="labs_report_specimen", condition=~Q(specimen_number="")
            ),
            # The API: "what changed since?".
            models.Index(fields=["updated_at", "id"], name="labs_report_changed"),
        ]

    def __str__(self) -> str:
        return f"Lab report {str(self.pk)[-8:]}"

    def save(self, **kwargs: Any) -> None:
        if self._state.adding:
            self.patient_id = self.order.patient_id
        super().save(**kwargs)

    def move_on(self) -> None:
        """To be another version, changed just now, because one of its markers is. Nobody is told: the marker told them.

        Written past ``save()``, which writes what changed in the report itself: here nothing did.
        """
        with connection.cursor() as cursor:
            cursor.execute(MOVE_ON, [self.pk])
            version, updated_at = cursor.fetchone()
        # Otherwise somebody wrote it since it was read, and saving this one shall be a Conflict.
        if version == self.version + 1:
            self.version, self.updated_at = version, updated_at
            self._remember({"version", "updated_at"})

    def has_markers(self) -> bool:
        return self.results.exists()

    def is_withheld(self) -> bool:
        return self.released_at is None

    @transition(
        state,
        source=State.PRELIMINARY,
        target=State.FINAL,
        needs="labs.finalise_report",
        event=events.REPORT_FINALISED,
        label=_("Finalise"),
        conditions=[has_markers],
    )
    def finalise(self) -> None:
        """No further marker is to come. An empty report cannot be final: who hears of it shall find some."""

    @transition(
        state,
        source=SETTLED,
        target=State.CORRECTED,
        needs="labs.correct_report",
        event=events.REPORT_CORRECTED,
        label=_("Announce correction"),
    )
    def correct(self) -> None:
        """Markers of a final report were changed; a released report stays released."""

    @transition(
        state,
        source=SETTLED,
        target=GET_STATE(lambda report: report.state, states=list(SETTLED)),
        needs="labs.release_report",
        event=events.REPORT_RELEASED,
        label=_("Release to patient"),
        conditions=[is_withheld],
    )
    def release(self) -> None:
        """From now on the patient may read it."""
        self.released_at = now()
