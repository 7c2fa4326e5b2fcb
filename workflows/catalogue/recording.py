"""Who is acting, and because of what: the context in which changes are made, and the port through which they are told.

The public half of workflows has no tables. The private half offers a ``Sink`` when Django starts, and everything that
happens to a record goes through it into the same transaction as the change itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.db import models

from careops.access.actor import Actor
from workflows.catalogue.event import Event


@dataclass(frozen=True, slots=True)
class Cause:
    """Who acts and why. ``depth`` counts events caused by events; ``quiet`` events reach the audit and the feed only."""

    actor: Actor
    correlation_id: uuid.UUID | None = None
    caused_by: int | None = None
    depth: int = 0
    quiet: bool = False


_cause: ContextVar[Cause] = ContextVar("cause")


def cause() -> Cause:
    """The cause in force; outside any block the system itself acts."""
    return _cause.get(Cause(Actor.system()))


@contextmanager
def acting(
    by: Actor,
    *,
    correlation_id: uuid.UUID | None = None,
    caused_by: int | None = None,
    depth: int = 0,
    quiet: bool = False,
) -> Iterator[Cause]:
    """Everything recorded inside the block was done by that actor, for that reason."""
    with because_of(Cause(by, correlation_id, caused_by, depth, quiet)):
        yield _cause.get()


@contextmanager
def because_of(one: Cause) -> Iterator[None]:
    """Everything recorded inside the block has that cause."""
    token = _cause.set(one)
    try:
        yield
    finally:
        _cause.reset(token)


@contextmanager
def on_behalf_of(by: Actor) -> Iterator[Cause]:
    """The same cause, another actor: ``perform(by=…)`` names who acts without forgetting which run asked for it."""
    with because_of(replace(cause(), actor=by)):
        yield _cause.get()


@contextmanager
def quietly() -> Iterator[None]:
    """Imports: events are recorded, but no automation, webhook or plugin hears of them."""
    with because_of(replace(cause(), quiet=True)):
        yield


#: Beyond these a moment is a slip, and one beyond the year 9999 could be stored but never read again.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Draft:
    """An event about to be recorded. ``occurred_at`` None means: the moment of recording."""

    event: Event
    subject_id: uuid.UUID
    patient_id: uuid.UUID | None
    cause: Cause
    data: Mapping[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    dedupe_key: str | None = None


def draft(
    event: Event,
    subject: models.Model,
    *,
    data: Mapping[str, Any] | None = None,
    occurred_at: datetime | None = None,
    dedupe_key: str | None = None,
) -> Draft:
    """An event of that subject, by whoever acts now. Raises ValueError for data the declaration does not carry."""
    data = dict(data or {})
    if occurred_at is not None and not EARLIEST <= occurred_at < LATEST:
        raise ValueError("An event cannot have happened then.")
    if stray := set(data) - set(event.carries):
        raise ValueError(f"{event.name} does not declare that it carries {sorted(stray)}.")
    patient_id = attrgetter(event.patient)(subject) if event.patient else None
    return Draft(event, subject.pk, patient_id, cause(), data, occurred_at, dedupe_key)


class Sink(Protocol):
    """Where events and outgoing work are written. workflows.models provides it."""

    def record(self, drafts: Sequence[Draft]) -> None:
        """Write the events. Ones whose dedupe key is known already are left out."""

    def inserting(self, drafts: Sequence[Draft]) -> tuple[str, list[Any]]:
        """The INSERT of these events as SQL with its parameters, to stand beside a CTE called ``changed``."""

    def waking(self) -> str:
        """An SQL expression that wakes an idle worker when the surrounding transaction commits."""

    def recorded(self, drafts: Sequence[Draft]) -> None:
        """Tell in-process listeners, after the statement of ``inserting`` ran."""

    def enqueue(self, channel: str, subject: models.Model, *, key: str, lane: str) -> None:
        """Queue the subject for a channel's sender, once per key, in this transaction."""


_sink: Sink | None = None


def provide_sink(provider: Sink) -> None:
    global _sink
    _sink = provider


def sink() -> Sink:
    if _sink is None:
        raise ImproperlyConfigured("Nobody records events: is the workflows app installed?")
    return _sink


def emit(
    event: Event,
    subject: models.Model,
    *,
    data: Mapping[str, Any] | None = None,
    occurred_at: datetime | None = None,
    dedupe_key: str | None = None,
) -> None:
    """Record an event that no save of a record tells: a clock's, the engine's, an unknown message's."""
    sink().record([draft(event, subject, data=data, occurred_at=occurred_at, dedupe_key=dedupe_key)])


def enqueue(channel: str, subject: models.Model, *, key: str = "", lane: str = "default") -> None:
    """Hand the subject to the channel's sender when this transaction commits; once per key."""
    sink().enqueue(channel, subject, key=key or f"{channel}:{subject.pk}", lane=lane)
