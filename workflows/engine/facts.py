"""Gathering the values conditions ask for: one query per model for a whole batch, each row at its own moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from workflows.conditions import FactRef, by_model, read_event, values_at
from workflows.models import EventRecord

Values = dict[FactRef, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What one condition asks, about one event, as of one moment; ``results`` are those of the run's earlier steps."""

    event: EventRecord
    at: datetime
    refs: frozenset[FactRef]
    results: Mapping[str, Any]


def subject_of(event: EventRecord, model: str) -> UUID | None:
    """The row of that model which the event is about: its subject, or its patient."""
    if model == event.subject_type:
        return event.subject_id
    return event.patient_id if model == settings.PERSON_MODEL else None


def gather(questions: Sequence[Question]) -> list[Values]:
    """The values for each question, in order. What the event cannot answer is missing: a verdict, not an error."""
    answers = [
        read_event(one.refs, one.event, payload=one.event.data, results=one.results) for one in questions
    ]
    asked: dict[str, list[tuple[int, UUID]]] = defaultdict(list)
    refs: dict[str, set[FactRef]] = defaultdict(set)
    for index, question in enumerate(questions):
        for model, wanted in by_model(question.refs).items():
            if (row_id := subject_of(question.event, model)) is not None:
                asked[model].append((index, row_id))
                refs[model].update(wanted)
    for model, rows in asked.items():
        pairs = [(row_id, questions[index].at) for index, row_id in rows]
        # Sorted, so that the same set of facts is the same compiled statement every time.
        for (index, _row_id), values in zip(rows, values_at(model, pairs, sorted(refs[model])), strict=True):
            answers[index].update(values)
    return answers
