"""Two records of one person: what belongs to the one moves to the other."""

from __future__ import annotations

from django.db import models

from workflows.catalogue import Record


def move_records(duplicate: models.Model, survivor: models.Model) -> None:
    """Everything that points at the duplicate points at the survivor from now on, whichever app it lives in.

    Each record is saved on its own, so its own ``updated`` event says that its patient changed. What points
    from one patient to another stays: a duplicate's duplicate leads here, and from here to the survivor.
    """
    for relation in duplicate._meta.related_objects:
        model, name = relation.related_model, relation.field.name
        if not issubclass(model, Record) or model is type(duplicate):
            continue
        for record in (
            model._base_manager.filter(**{name: duplicate}).select_for_update(of=("self",)).order_by("pk")
        ):
            setattr(record, name, survivor)
            record.save()
