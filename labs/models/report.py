"""The lab's answer: a report of markers, and whether the patient may read it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import GET_STATE, FSMField

from careops.lib.clock import now
from labs import events
from workflows.catalogue import Event, Machine, Privacy, Record, transition


class Report(Machine):
    """The results of a lab order as one report. Patients read it once it is released, and then always as it is now."""

    created_event = events.REPORT_CREATED
    updated_event = events.REPORT_UPDATED

    class State(models.TextChoices):
        PRELIMINARY = "preliminary", _("Preliminary")
        FINAL = "final", _("Final")
        CORRECTED = "corrected", _("Corrected")

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
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["preliminary", "final", "corrected"]), name="report_state_known"
            ),
            models.CheckConstraint(
                condition=Q(released_at=None) | ~Q(state="preliminary"), name="report_released_settled"
            ),
        ]
        indexes = [
            models.Index(
                fields=["patient", "-created_at"], name="labs_report_of_patient"
            ),  # a patient's results
            models.Index(fields=["state", "-created_at"], name="labs_report_by_state"),  # the list, by state
        ]

    def __str__(self) -> str:
        return f"Lab report {str(self.pk)[:8]}"

    def save(self, **kwargs: Any) -> None:
        self.patient_id = self.order.patient_id
        super().save(**kwargs)

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
        """No further marker is to come. An empty report cannot be final: whoever hears of it shall find results."""

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


class Result(Record):
    """One marker of a report, with the lab's range and judgement (the fields of seeds.md §5.6)."""

    created_event = events.REPORT_CRITICAL_RESULT  # told only when it is: see _created_drafts
    updated_event = events.RESULT_UPDATED

    class Interpretation(models.TextChoices):
        NORMAL = "normal", _("Normal")
        ABNORMAL = "abnormal", _("Abnormal")
        CRITICAL = "critical", _("Critical")

    report = models.ForeignKey(
        Report,
        models.PROTECT,
        related_name="results",
        verbose_name=_("lab report"),
        db_index=False,  # labs_result_in_report begins with it
    )
    patient = models.ForeignKey(
        "patients.Patient",
        models.PROTECT,
        related_name="lab_results",
        verbose_name=_("patient"),
        editable=False,
        db_index=False,  # labs_result_trend begins with it
    )
    name = models.CharField(_("marker"), max_length=120)
    slug = models.SlugField(_("marker's code"), max_length=120)
    loinc = models.CharField(_("LOINC"), max_length=12, blank=True)
    value = models.CharField(_("value"), max_length=200, help_text=_("As the lab writes it."))
    number = models.DecimalField(_("as a number"), max_digits=20, decimal_places=6, null=True, blank=True)
    unit = models.CharField(_("unit"), max_length=40, blank=True)
    min_range = models.DecimalField(_("range from"), max_digits=20, decimal_places=6, null=True, blank=True)
    max_range = models.DecimalField(_("range to"), max_digits=20, decimal_places=6, null=True, blank=True)
    interpretation = models.CharField(
        _("interpretation"), max_length=10, choices=Interpretation.choices, default=Interpretation.NORMAL
    )
    above_max = models.BooleanField(_("above range"), default=False)
    below_min = models.BooleanField(_("below range"), default=False)

    privacy: ClassVar[dict[str, Privacy]] = dict.fromkeys(
        (
            "name", "slug", "loinc", "value", "number", "unit", "min_range", "max_range", "interpretation",
            "above_max", "below_min",
        ),
        Privacy.PHI,
    )  # fmt: skip

    class Meta:
        verbose_name = _("marker")
        verbose_name_plural = _("markers")
        ordering = ["report", "name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(interpretation__in=["normal", "abnormal", "critical"]),
                name="result_interpretation_known",
            ),
            models.CheckConstraint(
                condition=Q(above_max=False) | Q(below_min=False), name="result_not_above_and_below"
            ),
        ]
        indexes = [
            models.Index(
                fields=["report", "interpretation"], name="labs_result_in_report"
            ),  # "any abnormal one?"
            models.Index(
                fields=["patient", "slug", "created_at"], name="labs_result_trend"
            ),  # a marker over time
        ]

    def __str__(self) -> str:
        return f"Marker {str(self.pk)[:8]}"

    @property
    def is_critical(self) -> bool:
        return self.interpretation == self.Interpretation.CRITICAL

    def save(self, **kwargs: Any) -> None:
        self.patient_id = self.report.patient_id
        if self.number is not None:
            self.above_max = self.max_range is not None and self.number > self.max_range
            self.below_min = self.min_range is not None and self.number < self.min_range
        super().save(**kwargs)

    def _created_drafts(self) -> list[Any]:
        return super()._created_drafts() if self.is_critical else []

    def update_events(self, fields: frozenset[str]) -> list[Event]:
        became_critical = "interpretation" in fields and self.is_critical
        return [events.RESULT_UPDATED, *([events.REPORT_CRITICAL_RESULT] if became_critical else [])]
