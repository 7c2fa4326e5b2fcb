"""Ports: what the engine needs from the domain apps, so that it never imports one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from django.db import models

from workflows.catalogue.action import Step
from workflows.catalogue.event import Event
from workflows.catalogue.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaction:
    """A consequence of an event that is declared in code: run and fenced like a step, and cannot be switched off.

    ``run`` answers many events at once: one result per step, in order, of references only. ``wants`` is given the ids of
    the subjects of events that were just handed out, and says for which of them it has anything to do at all. The others
    start no run.
    """

    name: str
    says: Any
    on: tuple[Event, ...]
    run: Callable[[Sequence[Step]], Sequence[Mapping[str, Any] | None]]
    wants: Callable[[Collection[UUID]], Collection[UUID]] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """How an event is written in a vocabulary. ``write(event_record)`` returns the JSON body of the webhook."""

    name: str
    label: Any
    write: Callable[[Any, str], Mapping[str, Any]]


class Unmatched(Exception):
    """The message is about a record we do not know; people resolve it. ``reference`` is the sender's id of it."""

    def __init__(self, reference: str, reason: str) -> None:
        self.reference = reference
        super().__init__(reason)


class Malformed(Exception):
    """The message does not have the shape its source promises; it is kept and shown, and changes nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundSource:
    """How a stored message from outside is understood.

    ``interpret(body, resolved_to)`` runs in the drain, in one transaction, and must be safe to repeat; ``resolved_to``
    is the record a person matched the message to, or None. It returns references for the message's own page.
    Raises Unmatched or Malformed. ``candidates`` offers the records a person may match an unmatched message to.
    """

    name: str
    label: Any
    interpret: Callable[[Any, models.Model | None], Mapping[str, Any]]
    candidates: Callable[[Any], models.QuerySet[Any]] | None = None
    reference: Callable[[Any], str] | None = None


class Fate(StrEnum):
    """What became of an outgoing message."""

    SENT = "sent"
    REFUSED = "refused"  # for good: trying again cannot help
    LATER = "later"  # this attempt failed, a later one may not
    UNKNOWN = "unknown"  # it may or may not have gone out


@dataclass(frozen=True, slots=True)
class Sent:
    """The outcome of one attempt. ``detail`` is shown to staff and holds no PHI."""

    fate: Fate
    detail: str = ""
    result: Mapping[str, Any] | None = None
    retry_after: float | None = None
    status: int | None = None


class Channel(Protocol):
    """A way out. Its rows wait in the delivery queue; ``send`` runs outside of any transaction and of the database.

    ``at_most_once`` True means an attempt that vanished is held for a person; False means it is sent again with the
    same id. ``delays`` are the seconds between the attempts; when they are used up, the delivery is a dead letter.
    """

    name: str
    at_most_once: bool
    delays: tuple[int, ...]

    def prepare(self, delivery: Any) -> Any:
        """Inside a transaction: whatever send() needs, or None when there is nothing to send any more."""

    def send(self, prepared: Any) -> Sent:
        """Talk to the world. Raises nothing that is not a bug."""

    def settle(self, delivery: Any, sent: Sent, *, final: bool) -> None:
        """Inside the transaction that acknowledges the attempt; ``final`` when no further one will follow."""


class OpsAlert(Protocol):
    """How the engine tells people that something needs them; works with every automation switched off."""

    def __call__(self, *, key: str, title: str, detail: str, about: models.Model | None = None) -> None:
        """Tell them once per key."""


reactions: Registry[Reaction] = Registry("Reaction")
envelopes: Registry[Envelope] = Registry("Vocabulary")
inbound_sources: Registry[InboundSource] = Registry("Inbound source")
channels: Registry[Channel] = Registry("Channel")

_alert: OpsAlert | None = None


def provide_ops_alert(provider: OpsAlert) -> None:
    global _alert
    _alert = provider


def ops_alert_provided() -> bool:
    return _alert is not None


def ops_alert(*, key: str, title: str, detail: str, about: models.Model | None = None) -> None:
    """Open one item of work for people, once per key. workflows.checks refuses to start without a provider."""
    if _alert is None:
        raise RuntimeError("No app provides OpsAlert.")
    _alert(key=key, title=title, detail=detail, about=about)
