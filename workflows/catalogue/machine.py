"""State machines: django-fsm transitions that name a permission and an event, and the one door that runs them.

django-fsm announces a transition before anything is saved, so ``post_transition`` only *stashes*; ``save()`` writes the
row and the event in the same statement. Not saved: no event. Rolled back: none. Saved twice: still one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Self, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db import transaction as db_transaction
from django_fsm import FSMField, TransitionNotAllowed, can_proceed
from django_fsm import transition as fsm_transition
from django_fsm.signals import post_transition

from careops.access.actor import Actor
from careops.access.scope import may_meet
from careops.lib.bulk import read_many
from workflows.catalogue.errors import IllegalTransition, MisusedMachine, NotPermitted
from workflows.catalogue.event import Event
from workflows.catalogue.record import Record
from workflows.catalogue.recording import Draft, draft, on_behalf_of

F = TypeVar("F", bound=Callable[..., Any])


class _Silent:
    def __repr__(self) -> str:
        return "SILENT"


#: Said in place of an event by a transition that nobody is told of.
SILENT: Final = _Silent()

#: One event, SILENT, or one of these per target state for a transition that chooses its target.
Told = Event | _Silent
Announces = Told | Mapping[str, Told]


@dataclass(frozen=True, slots=True)
class Move:
    """A transition as people see it: its method's name, its label, what it needs and what it announces."""

    name: str
    label: Any
    needs: str
    announces: Announces
    sources: tuple[str, ...]
    target: str | None
    arguments: type | None
    offered: bool


def transition(
    field: FSMField,
    *,
    source: str | Sequence[str],
    target: Any,
    needs: str,
    event: Announces,
    label: Any,
    conditions: Sequence[Callable[[Any], bool]] = (),
    arguments: type | None = None,
    offered: bool = True,
) -> Callable[[F], F]:
    """django-fsm's ``transition``, which here *must* name a permission and an event (or SILENT).

    ``needs`` is "app.codename"; "" leaves the move to the system alone. ``arguments`` is a Django form whose cleaned
    data become the method's keyword arguments. ``offered`` False hides the move from people: a gateway's business.
    """
    return fsm_transition(
        field=field,
        source=list(source) if not isinstance(source, str) else source,
        target=target,
        conditions=list(conditions),
        permission=needs or (lambda instance, user: False),
        custom={"event": event, "needs": needs, "label": label, "arguments": arguments, "offered": offered},
    )


@dataclass(frozen=True, slots=True)
class _Stash:
    name: str
    source: str
    target: str
    event: Told
    occurred_at: datetime | None


class Machine(Record):
    """A record with a state. Declare ``state = FSMField(...)`` and its transitions in the subclass."""

    state: Any

    class Meta:
        abstract = True

    _moves: ClassVar[dict[str, Move]]  # each class's own, once somebody asked
    _stashed: _Stash | None = None
    _occurred_at: datetime | None = None
    _event_data: Mapping[str, Any] = {}

    # ── The one door ─────────────────────────────────────────────────────────────────────────────────────
    def perform(self, name: str, *, by: Actor, occurred_at: datetime | None = None, **arguments: Any) -> Self:
        """Move the record: lock its row, check the permission, run the transition, save. Returns the locked instance.

        The caller's own instance is stale afterwards. ``occurred_at`` is the fact's own time where it is not now (a
        lab's timestamp). Raises NotPermitted, IllegalTransition, the model's DoesNotExist for a record that is not the
        actor's to meet, or what the transition itself raises; then nothing was written.
        """
        move = self.move(name)
        if not by.has_perm(move.needs):
            raise NotPermitted(name, move.needs)
        with db_transaction.atomic(), on_behalf_of(by):
            record = self._locked(by)
            record.run_locked(name, occurred_at=occurred_at, **arguments)
            return record

    def _locked(self, by: Actor) -> Self:
        for record in read_many(type(self), "id = %s FOR UPDATE", [self.pk]):
            if may_meet(by, record):
                return record
        raise type(self).DoesNotExist(f"There is no {self} for this actor to meet.")

    def run_locked(self, name: str, *, occurred_at: datetime | None = None, **arguments: Any) -> None:
        """The transition of a row the caller has locked already; perform() without its lock and permission."""
        method = getattr(self, name)
        if not can_proceed(method):
            raise self._illegal(name)
        self._occurred_at = occurred_at
        try:
            method(**arguments)
            self.save()
        except TransitionNotAllowed:
            raise self._illegal(name) from None
        finally:
            self._stashed, self._occurred_at, self._event_data = None, None, {}

    def tell(self, **data: Any) -> None:
        """From inside a transition: what its event shall carry besides the two states."""
        self._event_data = {**self._event_data, **data}

    def _illegal(self, name: str) -> IllegalTransition:
        return IllegalTransition(str(self), name, self.state, [move.name for move in self.legal_moves()])

    # ── What is possible ─────────────────────────────────────────────────────────────────────────────────
    @classmethod
    def moves(cls) -> dict[str, Move]:
        """Every declared transition, by name, in the order of declaration."""
        found = cls.__dict__.get("_moves")
        if found is None:
            found = {move.name: move for move in _declared_moves(cls)}
            cls._moves = found
        return found

    @classmethod
    def move(cls, name: str) -> Move:
        """Raises MisusedMachine for a name that is no transition."""
        try:
            return cls.moves()[name]
        except KeyError:
            raise MisusedMachine(f"{cls.__name__} has no transition {name!r}.") from None

    def legal_moves(self) -> list[Move]:
        """The moves the record's state and conditions allow now, whoever asks."""
        return [move for move in self.moves().values() if can_proceed(getattr(self, move.name))]

    def moves_for(self, actor: Actor) -> list[Move]:
        """The moves this actor may make now and shall be offered."""
        return [move for move in self.legal_moves() if move.offered and actor.has_perm(move.needs)]

    @classmethod
    def states(cls) -> dict[str, str]:
        """State → label, in the order of declaration."""
        field: Any = cls._meta.get_field("state")
        return dict(field.flatchoices)

    # ── Stash and flush ──────────────────────────────────────────────────────────────────────────────────
    def _fields_to_write(self, changed: frozenset[str]) -> frozenset[str]:
        if self._stashed is None and "state" in changed:
            raise MisusedMachine(f"{type(self).__name__}.state was set by hand; perform() a transition.")
        # A transition onto its own state changes no column, and is saved all the same.
        return changed | {"state"} if self._stashed else changed

    def _drafts_for(self, fields: frozenset[str]) -> list[Draft]:
        stash = self._stashed
        if stash is None:
            return super()._drafts_for(fields)
        told = self._field_drafts(fields)
        if isinstance(stash.event, _Silent):
            return told
        data = {"from": stash.source, "to": stash.target, **self._event_data}
        return [draft(stash.event, self, data=data, occurred_at=stash.occurred_at), *told]

    def _remember(self, attnames: Collection[str] | None = None) -> None:
        super()._remember(attnames)
        # Saved, or read again: either way the transition that set the state before is over.
        if self._stashed and (attnames is None or "state" in attnames):
            self._stashed, self._event_data = None, {}

    def created_data(self) -> dict[str, Any]:
        return {"to": self.state}


def _declared_moves(model: type[Machine]) -> Iterator[Move]:
    seen: set[str] = set()
    for klass in reversed(model.__mro__):
        for name, attribute in vars(klass).items():
            meta = getattr(attribute, "_django_fsm", None)
            if meta is None or name in seen:
                continue
            seen.add(name)
            yield _as_move(model, name, meta)


def _as_move(model: type[Machine], name: str, meta: Any) -> Move:
    transitions = list(meta.transitions.values())
    first = transitions[0]
    if "event" not in first.custom:
        raise ImproperlyConfigured(
            f"{model.__name__}.{name} uses django-fsm's own transition; use workflows.catalogue's."
        )
    target = first.target if isinstance(first.target, str) else None
    return Move(
        name=name,
        label=first.custom["label"],
        needs=first.custom["needs"],
        announces=first.custom["event"],
        sources=tuple(sorted(t.source for t in transitions)),
        target=target,
        arguments=first.custom["arguments"],
        offered=first.custom["offered"],
    )


def announced(announces: Announces) -> list[Event]:
    """Every event a transition may announce."""
    told = announces.values() if isinstance(announces, Mapping) else [announces]
    return [event for event in told if isinstance(event, Event)]


def _stash(
    sender: type[models.Model], instance: models.Model, name: str, source: str, target: str, **kwargs: Any
) -> None:
    if not isinstance(instance, Machine) or kwargs.get("exception") is not None:
        return
    if instance._stashed is not None:
        raise MisusedMachine(
            f"{sender.__name__}.{name} ran inside {instance._stashed.name}: transitions do not nest, "
            "because the state between the two would never exist."
        )
    announces = instance.move(name).announces
    event = announces[target] if isinstance(announces, Mapping) else announces
    instance._stashed = _Stash(name, source, target, event, instance._occurred_at)


post_transition.connect(_stash, dispatch_uid="careops.stash")


def machines() -> Iterator[type[Machine]]:
    """Every concrete machine of the installation."""
    pending: list[type[Machine]] = list(Machine.__subclasses__())
    while pending:
        model = pending.pop()
        pending += model.__subclasses__()
        if not model._meta.abstract:
            yield model
