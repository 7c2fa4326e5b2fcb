"""What holds for every model of patients: privacy is named, nothing personal shows by itself, all can be undone."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

from patients.models import CareTeam, Clinic, Practitioner
from workflows.catalogue import Machine, Record, events, reactions
from workflows.catalogue.machine import announced

MODELS = [model for model in apps.get_app_config("patients").get_models() if issubclass(model, Record)]
#: Their names are the clinic's own, printed on its door.
PUBLIC_NAMES = (Clinic, CareTeam, Practitioner)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_has_a_privacy_class(model: type[Record]) -> None:
    own = {
        field.name
        for field in model._meta.concrete_fields
        if not isinstance(field, models.ForeignKey) and field.name not in {"id", "state", *Record.BOOKKEEPING}
    }
    assert set(model.privacy) == own


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_record_shows_as_a_reference(model: type[Record]) -> None:
    if model in PUBLIC_NAMES:
        return
    texts = {
        field.name: "Confidential"
        for field in model._meta.concrete_fields
        if isinstance(field, models.CharField | models.TextField) and field.name not in {"state", "mrn"}
    }
    assert "Confidential" not in str(model(**texts))


def test_every_event_of_ours_belongs_to_somebody() -> None:
    """An event is announced by a move, or tells of a record's creation, change or end, or of an edit of its fields."""
    ours = {event.name for event in events if event.subject.startswith("patients.")}
    moved = {
        event.name
        for model in MODELS
        if issubclass(model, Machine)
        for move in model.moves().values()
        for event in announced(move.announces)
    }
    kept = {
        event.name
        for model in MODELS
        for event in (model.created_event, model.updated_event, model.deleted_event)
        if event
    }
    of_fields = {event.name for event in events if event.fields}
    instead = {"customer.signup"}  # told in place of customer.created when patients register themselves
    assert ours - moved - kept - of_fields == instead


def test_the_assignee_is_told_by_code() -> None:
    assert [event.name for event in reactions.get("notify_assignee").on] == ["task.created", "task.assigned"]


def test_the_first_migration_can_be_undone() -> None:
    migration = importlib.import_module("patients.migrations.0001_initial").Migration
    assert all(operation.reversible for operation in migration.operations)


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "patients", check=True, dry_run=True, verbosity=0, skip_checks=True)
