"""Facts: what a condition may ask about a record. One ORM expression answers for one subject and for the population."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workflows.catalogue.registry import Registry


class ValueKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    CHOICE = "choice"
    LIST = "list"


class Privacy(StrEnum):
    """How closely a value is guarded; see docs/architecture.md."""

    PUBLIC = "public"
    PERSONAL = "personal"
    PHI = "phi"
    RESTRICTED = "restricted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A whole number a fact takes, such as the days a window is long."""

    name: str
    label: Any
    default: int
    minimum: int = 0
    maximum: int = 36_500


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """A question about the rows of one model.

    ``expression`` is called with the parameters and returns an ORM expression over that model's rows. The moment it is
    asked for is the annotation ``at`` of the row: ``F("at")`` in the expression itself, ``OuterRef("at")`` inside an
    ``Exists`` or subquery. No fact asks the clock, so the same expression answers for now, for the moment of an event
    and for a whole population. Write history as ``Exists`` or correlated subqueries, never as joins with aggregates.

    ``reads`` names the permission that reading the answer takes, where it is not that of viewing the model's own rows:
    a fact that looks into results is for those who may see results. Guarded facts (phi, restricted) always state it.

    ``label`` reads in a sentence before an operator ("the patient's age"). ``choices`` is called when a form or a
    sentence needs it. An expression that yields NULL means "no value", which is a verdict, not an error.
    """

    name: str
    model: str
    label: Any
    kind: ValueKind
    privacy: Privacy
    expression: Callable[..., Any]
    parameters: tuple[Parameter, ...] = ()
    choices: Callable[[], list[tuple[str, Any]]] | None = None
    unit: Any = ""
    reads: str = ""

    @property
    def needs(self) -> str:
        """The permission, as "app.codename", without which nobody may ask this or see the answer."""
        app_label, _, model = self.model.partition(".")
        return self.reads or f"{app_label}.view_{model.lower()}"

    def arguments(self, given: Mapping[str, Any]) -> dict[str, int]:
        """The parameters to call the expression with. Raises ValueError for a stray or impossible one."""
        known = {parameter.name: parameter for parameter in self.parameters}
        if stray := set(given) - set(known):
            raise ValueError(f"{self.name} has no parameter {sorted(stray)[0]!r}.")
        values = {name: parameter.default for name, parameter in known.items()} | {
            name: int(value) for name, value in given.items()
        }
        for name, value in values.items():
            if not known[name].minimum <= value <= known[name].maximum:
                raise ValueError(
                    f"{self.name}: {name} must lie between {known[name].minimum} and {known[name].maximum}."
                )
        return values


@dataclass(frozen=True, kw_only=True, slots=True)
class EventFact:
    """A question about the event itself, answered from its row in memory: ``event.to``, ``event.actor.kind``.

    Events hold references and states only, so whoever sees an event may see the answer.
    """

    name: str
    label: Any
    kind: ValueKind
    read: Callable[[Any], Any]
    privacy: Privacy = Privacy.PUBLIC
    parameters: tuple[Parameter, ...] = ()
    choices: Callable[[], list[tuple[str, Any]]] | None = None
    unit: Any = ""


facts: Registry[Fact] = Registry("Fact")
event_facts: Registry[EventFact] = Registry("Event fact")
