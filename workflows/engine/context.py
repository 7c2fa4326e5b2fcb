"""What an action is told about the step it carries out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from workflows.catalogue.action import StepFailed
from workflows.catalogue.recording import cause
from workflows.conditions import ref
from workflows.engine.facts import Question, gather
from workflows.engine.program import Program, ProgramStep
from workflows.models import Delivery, Endpoint, EventRecord, StepRun


class StepContext:
    """One attempt of one step; satisfies ``workflows.catalogue.Step``."""

    def __init__(self, row: StepRun, program: Program, at: datetime) -> None:
        self.row = row
        self.program = program
        self.at = at
        self._subject: models.Model | None = None
        self._person: models.Model | None = None

    @property
    def key(self) -> str:
        return f"run:{self.row.run_id}:{self.row.key}"

    @property
    def actor(self) -> Actor:
        return self.program.actor

    @property
    def event(self) -> EventRecord:
        return self.row.run.event

    @property
    def step(self) -> ProgramStep:
        return self.program.step(self.row.key)

    def subject(self) -> models.Model:
        if self._subject is None:
            self._subject = self._load(self.event.subject_type, self.event.subject_id)
        return self._subject

    def person(self) -> models.Model:
        if self.event.patient_id is None:
            raise StepFailed("no_patient", _("The event concerns no patient."))
        if self._person is None:
            self._person = self._load(settings.PERSON_MODEL, self.event.patient_id)
        return self._person

    def _load(self, label: str, pk: Any) -> models.Model:
        found: models.Model | None = apps.get_model(label)._base_manager.filter(pk=pk).first()
        if found is None:
            raise StepFailed("gone", _("The record this step is about does not exist any more."))
        return found

    def fact(self, name: str, **parameters: int) -> Any:
        """The value of a fact as of this attempt, or None."""
        asked = ref(name, parameters)
        return gather([Question(self.event, self.at, frozenset([asked]), {})])[0].get(asked)

    def deliver(self, endpoint_id: str, body: Mapping[str, Any]) -> str:
        """Queue a webhook for the endpoint, once per step; returns the delivery's key."""
        endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
        if endpoint is None:
            raise StepFailed("endpoint_gone", _("The webhook endpoint does not exist any more."))
        if endpoint.state == Endpoint.State.DISABLED:
            raise StepFailed("endpoint_disabled", _("The webhook endpoint is switched off."))
        delivery = Delivery(
            channel="webhook",
            key=self.key,
            subject_type=self.event.subject_type,
            subject_id=self.event.subject_id,
            endpoint=endpoint,
            event=self.event,
            step=self.row,
            lane=self.row.lane,
            body=dict(body),
        ).because_of(cause())
        Delivery.objects.bulk_create([delivery], ignore_conflicts=True)
        return self.key
