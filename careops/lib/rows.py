"""Models whose objects are made of the database's rows at once, instead of one look at each value.

``Model.__init__`` sorts out arguments, defaults and deferred fields, which a whole row has none of; it takes half of
the time of reading many. Every row of every list passes here, and every event of a batch.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any, Self

from django.db import models
from django.db.models.base import ModelState


@cache
def held_by(model: type[models.Model]) -> tuple[str, ...]:
    """The attributes that hold a row's columns, in their order."""
    return tuple(field.attname for field in model._meta.concrete_fields)


class Row(models.Model):
    """``pre_init`` and ``post_init`` are not sent for what was read: on these models nobody listens to them."""

    class Meta:
        abstract = True

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any
    ) -> Self:
        names = held_by(cls)
        if len(values) != len(names):  # some are deferred
            return super().from_db(db, field_names, values, **kwargs)
        row = cls.__new__(cls)
        state = ModelState()
        state.adding, state.db = False, db
        row.__dict__.update(zip(names, values, strict=True), _state=state)
        return row
