"""Event declarations: one fact, one canonical event, as many vocabularies' names as it has elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from workflows.catalogue.registry import Registry, UnknownName, complain

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_-]*)+")


class Kind(StrEnum):
    TRANSITION = "transition"
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    CLOCK = "clock"
    INBOUND = "inbound"
    ENGINE = "engine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A declared fact of the clinic's life.

    ``subject`` is the model's label ("labs.LabOrder"), ``patient`` the attribute of the subject that holds the
    patient's id ("patient_id"; "pk" when the subject is the patient; None for a subject without one), ``carries`` the
    keys of its data, ``unless`` says when it is *not* sent. An event with ``fields`` tells that one of these fields was
    edited, where ``when`` holds of the edited record; the model's own updated event then tells of the other fields.
    ``aliases`` maps a vocabulary to the exact spellings of
    this fact there; a spelling may be shared by several events.
    """

    name: str
    says: Any
    subject: str
    kind: Kind
    patient: str | None = "patient_id"
    carries: tuple[str, ...] = ()
    unless: Any = ""
    fields: tuple[str, ...] = ()
    when: Callable[[Any], bool] | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ImproperlyConfigured(f"Event name {self.name!r} is not of the form noun.what_happened.")

    def names(self) -> frozenset[str]:
        """Every name a trigger may use for this event, its own first of all."""
        return frozenset((self.name, *(name for names in self.aliases.values() for name in names)))

    def names_in(self, vocabulary: str) -> tuple[str, ...]:
        """How that vocabulary spells this event: its own name in CareOps' own, () where it has no word for it."""
        return (self.name, *self.aliases.get("careops", ())) if vocabulary == "careops" else tuple(
            self.aliases.get(vocabulary, ())
        )  # fmt: skip


class EventRegistry(Registry[Event]):
    """Events, found by their own name or by any vocabulary's."""

    def named(self, name: str) -> list[Event]:
        """Every event that bears this name in some vocabulary. Raises UnknownName, naming near misses."""
        found = [event for event in self if name in event.names()]
        if not found:
            raise UnknownName(self.complaint(name))
        return found

    def of_fields(self, subject: str) -> list[Event]:
        """The events that tell of edits of certain fields of that model, in the order of declaration."""
        return [event for event in self if event.fields and event.subject == subject]

    def complaint(self, name: str) -> str:
        return complain(self.noun, name, sorted(self.all_names()))

    def all_names(self) -> set[str]:
        return {name for event in self for name in event.names()}

    def declare(self, events: Iterable[Event]) -> None:
        for event in events:
            self.add(event)


events = EventRegistry("Event")
