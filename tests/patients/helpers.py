"""What the tests of patients ask again and again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import models

from careops.access.actor import Actor
from patients.models import Patient
from workflows.catalogue import Cause, StepFailed
from workflows.models import EventRecord

NOON = datetime(2026, 3, 9, 16, 0, tzinfo=UTC)  # a Monday; noon in New York


def told(record: models.Model) -> list[tuple[str, dict[str, Any]]]:
    """The events about that record, oldest first."""
    rows = EventRecord.objects.filter(subject_type=record._meta.label, subject_id=record.pk).order_by("id")
    return [(row.name, row.data) for row in rows]


def newest(record: models.Model) -> EventRecord:
    return EventRecord.objects.filter(subject_type=record._meta.label, subject_id=record.pk).latest("id")


@dataclass
class AStep:
    """A step that answers the newest event about a record; as much of a Step as the actions of patients use."""

    about: models.Model
    key: str = "run:1:first"
    at: datetime = NOON
    actor: Actor = field(
        default_factory=lambda: Actor.automation(
            "an-automation",
            frozenset(
                f"patients.{name}" for name in ("add_task", "add_message", "send_message", "add_notification")
            ),
        )
    )

    @property
    def event(self) -> EventRecord:
        return newest(self.about)

    @property
    def cause(self) -> Cause:
        return Cause(self.actor, depth=1)

    def subject(self) -> models.Model:
        return type(self.about)._base_manager.get(pk=self.about.pk)

    def person(self) -> Patient:
        if self.event.patient_id is None:
            raise StepFailed("no_patient", "The event concerns no patient.")
        return Patient.objects.get(pk=self.event.patient_id)


def cleaned(action: Any, **parameters: Any) -> dict[str, Any]:
    """The parameters as the engine hands them to the action. Fails the test when the form refuses them."""
    form = action.form(data=parameters)
    assert form.is_valid(), form.errors.as_json()
    return form.cleaned_data
