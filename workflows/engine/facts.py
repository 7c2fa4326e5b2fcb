"""Gathering the values conditions ask for: one query per model for a whole batch, each row at its own moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from workflows.catalogue.fact import event_facts, facts
from workflows.conditions.resolve import values_at
from workflows.conditions.tree import FactRef
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
    answers: list[Values] = [_from_memory(question) for question in questions]
    asked: dict[str, list[tuple[int, UUID]]] = defaultdict(list)
    refs: dict[str, set[FactRef]] = defaultdict(set)
    for index, question in enumerate(questions):
        for model, wanted in _by_model(question.refs).items():
            if (row_id := subject_of(question.event, model)) is not None:
                asked[model].append((index, row_id))
                refs[model] |= wanted
    for model, rows in asked.items():
        pairs = [(row_id, questions[index].at) for index, row_id in rows]
        found = values_at(model, pairs, sorted(refs[model]))
        for (index, _row_id), values in zip(rows, found, strict=True):
            answers[index].update(values)
    return answers


def _by_model(refs: Iterable[FactRef]) -> dict[str, set[FactRef]]:
    models: dict[str, set[FactRef]] = defaultdict(set)
    for ref in refs:
        if ref.name in facts:
            models[facts.get(ref.name).model].add(ref)
    return models


def _from_memory(question: Question) -> Values:
    values: Values = {}
    for ref in question.refs:
        if ref.name in event_facts:
            values[ref] = event_facts.get(ref.name).read(question.event)
        elif ref.name.startswith("event.payload."):
            values[ref] = walk(question.event.data, ref.name.split(".")[2:])
        elif ref.name.startswith("step."):
            _step, key, *path = ref.name.split(".")
            values[ref] = walk(question.results.get(key), path[1:])
    return values


def walk(data: Any, path: Sequence[str]) -> Any:
    """The value at that path of plain JSON, or None."""
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data
