"""What records have been through: which states they entered and when, as their events told it.

A port, because the events are the private half's: domain apps ask here, ``workflows.models`` answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured

from workflows.catalogue.machine import Machine


class History(Protocol):
    def __call__(self, subject_type: str, ids: Sequence[UUID]) -> Iterable[tuple[UUID, str, datetime]]:
        """Id, state entered, moment: of these records, in the order in which it happened, with one query."""


_history: History | None = None


def provide_history(provider: History) -> None:
    global _history
    _history = provider


def states_entered(records: Sequence[Machine]) -> dict[UUID, dict[str, datetime]]:
    """For each of these records of one kind the states it has been in, with the last time it entered each.

    What a record went through before it was told of here, such as in another system, is not in it.
    """
    if _history is None:
        raise ImproperlyConfigured("Nobody keeps events: is the workflows app installed?")
    entered: dict[UUID, dict[str, datetime]] = {record.pk: {} for record in records}
    if records:
        for pk, state, at in _history(records[0]._meta.label, list(entered)):
            entered[pk][state] = at
    return entered
