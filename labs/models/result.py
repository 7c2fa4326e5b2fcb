"""One marker of a lab report."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labs import events
from workflows.catalogue import Privacy, Record


class Result(Record):
    """One marker of a report, with the lab's range and judgement (the fields of seeds.md §5.6)."""

    created_event = events.REPORT_CRITICAL_RESULT  # told only when it is: see _created_drafts
    updated_event = events.RESULT_UPDATED

    class Interpretation(models.TextChoices):
        NORMAL = "normal", _("normal")
        ABNORMAL = "abnormal", _("abnormal")
        CRITICAL = "critical", _("critical")

    report = models.ForeignKey(
        "labs.Report",
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
        ordering = ["name", "id"]
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
        return f"Marker {str(self.pk)[-8:]}"

    @property
    def is_critical(self) -> bool:
        return self.interpretation == self.Interpretation.CRITICAL

    @property
    def is_backwards(self) -> bool:
        """The range ends before it begins: somebody mistyped it, and no value lies in it."""
        return self.min_range is not None and self.max_range is not None and self.min_range > self.max_range

    def clean(self) -> None:
        if self.is_backwards:
            raise ValidationError({"max_range": _("A range does not end before it begins.")})

    def save(self, **kwargs: Any) -> None:
        if self._state.adding:
            self.patient_id = self.report.patient_id
        if self.number is not None:
            self.above_max = self.max_range is not None and self.number > self.max_range
            self.below_min = self.min_range is not None and self.number < self.min_range
        with transaction.atomic():
            super().save(**kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            deleted = super().delete(*args, **kwargs)
            self.report.move_on()
        return deleted

    def _after_write(self) -> None:
        """A report is read with its markers: to whoever asks what changed since, it changed with them."""
        super()._after_write()
        self.report.move_on()

    def _created_drafts(self) -> list[Any]:
        return super()._created_drafts() if self.is_critical else []
