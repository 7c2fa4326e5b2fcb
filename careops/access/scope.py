"""Whose records somebody may meet: a patient their own; for everybody else their permissions decide alone."""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db.models import ForeignKey, Model, QuerySet

from careops.access.actor import Actor, ActorKind

M = TypeVar("M", bound=Model)


def path_to_patient(model: type[Model]) -> str:
    """The attribute that holds the id of the patient a record is about: "pk" of a patient, "" where there is none."""
    if model._meta.label == settings.PERSON_MODEL:
        return "pk"
    try:
        field = model._meta.get_field("patient")
    except FieldDoesNotExist:
        return "patient_id" if hasattr(model, "patient_id") else ""
    return "patient_id" if isinstance(field, ForeignKey) else ""


def visible(records: QuerySet[M], by: Actor) -> QuerySet[M]:
    """Of these records the ones that actor may meet at all. What belongs to no patient is no patient's to see."""
    if by.kind is not ActorKind.PATIENT:
        return records
    path = path_to_patient(records.model)
    if not path or by.patient_id is None:
        return records.none()
    return records.filter(**{path: by.patient_id})


def may_meet(by: Actor, record: Model) -> bool:
    """The same, of a record that is at hand."""
    if by.kind is not ActorKind.PATIENT:
        return True
    path = path_to_patient(type(record))
    return bool(path) and by.patient_id is not None and getattr(record, path) == by.patient_id
