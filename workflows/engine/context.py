"""What an action is told about the step it carries out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.lib.bulk import read_many
from workflows.catalogue.action import StepFailed
from workflows.catalogue.recording import Cause
from workflows.conditions import ref
from workflows.engine.facts import Question, gather
from workflows.engine.program import Program, program
from workflows.models import Delivery, Endpoint, EventRecord, StepRun


class Loaded:
    """The records a batch of events is about, read with one query per model when the first of them is asked for."""

    def __init__(self, events: Iterable[EventRecord]) -> None:
        self._events = list(events)
        self._found: dict[str, dict[Any, models.Model]] = {}

    def get(self, label: str, pk: Any) -> models.Model | None:
        if label not in self._found:
            wanted = {event.subject_id for event in self._events if event.subject_type == label}
            if label == settings.PERSON_MODEL:
                wanted |= {event.patient_id for event in self._events if event.patient_id}
            rows = read_many(apps.get_model(label), "id = ANY(%s)", [list(wanted)])
            self._found[label] = {row.pk: row for row in rows}
        return self._found[label].get(pk)


class StepContext:
    """One attempt of one step; satisfies ``workflows.catalogue.Step``. A built-in reaction has no program."""

    def __init__(self, row: StepRun, at: datetime, loaded: Loaded) -> None:
        self.row = row
        self.event = row.run.event
        self.at = at
        self.loaded = loaded

    @cached_property
    def program(self) -> Program | None:
        return program(self.row.run.version_id) if self.row.run.version_id else None

    @property
    def key(self) -> str:
        return f"run:{self.row.run_id}:{self.row.key}"

    @property
    def actor(self) -> Actor:
        return self.program.actor if self.program else Actor.system()

    @property
    def cause(self) -> Cause:
        event = self.event
        return Cause(self.actor, event.correlation_id, caused_by=self.row.run_id, depth=event.depth + 1)

    def subject(self) -> models.Model:
        return self._load(self.event.subject_type, self.event.subject_id)

    def person(self) -> models.Model:
        if self.event.patient_id is None:
            raise StepFailed("no_patient", _("The event concerns no patient."))
        return self._load(settings.PERSON_MODEL, self.event.patient_id)

    def _load(self, label: str, pk: Any) -> models.Model:
        found = self.loaded.get(label, pk)
        if found is None:
            raise StepFailed("gone", _("The record this step is about does not exist any more."))
        return found

    def fact(self, name: str, **parameters: int) -> Any:
        """The value of a fact as of this attempt, or None."""
        asked = ref(name, parameters)
        return gather([Question(self.event, self.at, frozenset([asked]), {})])[0].get(asked)

    def delivery(self, endpoint: Endpoint, body: Mapping[str, Any]) -> Delivery:
        """A webhook for the endpoint, which nobody has queued yet."""
        return Delivery(
            channel="webhook",
            key=self.key,
            subject_type=self.event.subject_type,
            subject_id=self.event.subject_id,
            endpoint=endpoint,
            event=self.event,
            step=self.row,
            lane=self.row.lane,
            body=dict(body),
        ).because_of(self.cause)
