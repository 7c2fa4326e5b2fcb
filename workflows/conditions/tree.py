"""The condition tree: it validates by being built, evaluates with a trace, and goes back to JSON.

Stored form: ``{"all": [{"fact": "patient.age", "operator": "at_least", "value": 65}, {"any": […]}]}``.
``{}`` and ``{"all": []}`` hold always.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

from django.utils.translation import gettext_lazy as _

from workflows.catalogue import ValueKind
from workflows.catalogue.registry import UnknownName
from workflows.conditions import words
from workflows.conditions.complaints import complaint, unknown
from workflows.conditions.dates import edges
from workflows.conditions.operators import Operator, operators, operators_for
from workflows.conditions.refs import Definition, FactRef, OpenFact, definition, ref_to
from workflows.conditions.values import INT64, MOST_VALUES, NEEDED, READY, TRACED_TEXT, canonical, plain

GroupKind = Literal["all", "any", "none"]
GROUPS: tuple[GroupKind, ...] = ("all", "any", "none")


class Verdict(NamedTuple):
    """Whether the tree holds, and why: the trace mirrors the tree and is JSON."""

    holds: bool
    trace: dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """One fact compared with what the rule needs. Build it with ``of``, which validates."""

    ref: FactRef
    operator: Operator
    kind: ValueKind
    needed: Any = None
    definition: Definition = field(compare=False, kw_only=True, repr=False)
    #: What a trace says each time, and the type of values that need no reading: the engine's hottest loop.
    _said: dict[str, Any] = field(init=False, compare=False, repr=False)
    _ready: type | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        said = {
            "fact": self.ref.name,
            "parameters": dict(self.ref.parameters),
            "label": words.label(self.definition, dict(self.ref.parameters)),
            "operator": self.operator.name,
            "words": str(self.operator.words),
            "needed": plain(self.needed),
        }
        object.__setattr__(self, "_said", said)
        object.__setattr__(self, "_ready", READY.get(self.kind))

    @classmethod
    def of(
        cls,
        fact: str,
        operator: str,
        value: Any = None,
        parameters: Mapping[str, Any] | None = None,
        *,
        stored: bool = False,
    ) -> Condition:
        """Raises ValidationError for anything that could not be evaluated.

        ``stored`` forgives a choice that is gone since the rule was written: it simply never matches again.
        """
        asked = definition(fact)
        ref = ref_to(asked, parameters or {})
        try:
            compared = operators.get(operator)
        except UnknownName:
            raise unknown("operator", operator, operators.names()) from None
        kind, needed = _needed(asked, compared, value)
        if not stored:
            _check_choices(asked, needed)
        return cls(ref, compared, kind, needed, definition=asked)

    def dump(self) -> dict[str, Any]:
        stored: dict[str, Any] = {"fact": self.ref.name, "operator": self.operator.name}
        if self.operator.takes != "none":
            stored["value"] = _json(self.needed)
        if self.ref.parameters:
            stored["parameters"] = dict(self.ref.parameters)
        return stored

    def leaves(self) -> Iterator[Condition]:
        yield self

    def trace(self, values: Mapping[FactRef, Any], at: datetime) -> dict[str, Any]:
        """Whether it holds, and the actual value beside the needed one; None where there is no value."""
        actual: Any = values.get(self.ref)
        shown = actual
        ready = self._ready
        if (
            type(actual) is not ready
            or (ready is str and not 0 < len(shown) < TRACED_TEXT)
            or (ready is int and not -INT64 <= shown < INT64)
        ):
            actual = canonical(self.kind, actual)
            shown = plain(actual)
            if actual is None and not self.operator.judges_missing:
                return {**self._said, "actual": None, "holds": False}
        span = self.operator.span
        needed = self.needed if span is None else span(self.needed, at)
        return {**self._said, "actual": shown, "holds": self.operator.function(actual, needed)}


@dataclass(frozen=True)
class Group:
    """Conditions of which all, any or none must hold."""

    kind: GroupKind = "all"
    of: tuple[Condition | Group, ...] = ()

    def dump(self) -> dict[str, Any]:
        return {self.kind: [each.dump() for each in self.of]}

    def leaves(self) -> Iterator[Condition]:
        for each in self.of:
            yield from each.leaves()

    def fact_refs(self) -> tuple[FactRef, ...]:
        """Every question the tree asks, once, in the order of the tree."""
        return tuple(dict.fromkeys(leaf.ref for leaf in self.leaves()))

    def evaluate(self, values: Mapping[FactRef, Any], at: datetime) -> Verdict:
        """The verdict at that moment. Every condition is judged, even once the outcome is certain.

        A fact absent from ``values`` has no value. Never raises for what a value looks like.
        """
        trace = self.trace(values, at if at.tzinfo is UTC else at.astimezone(UTC))
        return Verdict(trace["holds"], trace)

    def trace(self, values: Mapping[FactRef, Any], at: datetime) -> dict[str, Any]:
        judged, held = [], 0
        for each in self.of:
            line = each.trace(values, at)
            judged.append(line)
            held += line["holds"]
        holds = held == len(judged) if self.kind == "all" else (held > 0) is (self.kind == "any")
        return {"group": self.kind, "holds": holds, "of": judged}


def _json(needed: Any) -> Any:
    """A needed value as parse() reads it back; unlike a trace's, never shortened."""
    if isinstance(needed, tuple):
        return [_json(each) for each in needed]
    return needed if isinstance(needed, str) else plain(needed)


# ── Validation ──────────────────────────────────────────────────────────────────────────────────────────
#: The order in which a value tells the kind of a fact whose kind nobody declared.
_GUESSES = (ValueKind.NUMBER, ValueKind.TEXT, ValueKind.DATE, ValueKind.LIST)


def _needed(asked: Definition, compared: Operator, raw: Any) -> tuple[ValueKind, Any]:
    """The kind to compare as, and the needed value in its form."""
    if isinstance(asked, OpenFact):
        return _guessed(compared, raw)
    if asked.kind not in compared.kinds:
        raise complaint(
            "operator_kind",
            _("“%(operator)s” cannot be asked of “%(fact)s”. Possible: %(possible)s."),
            operator=compared.words,
            fact=asked.label,
            possible=", ".join(str(each.words) for each in operators_for(asked.kind)),
        )
    return asked.kind, _read(compared, asked.kind, raw)


def _guessed(compared: Operator, raw: Any) -> tuple[ValueKind, Any]:
    """Text where a text can be compared and no value tells otherwise; else whatever kind reads the value."""
    if compared.takes == "none":
        kind = ValueKind.TEXT if ValueKind.TEXT in compared.kinds else ValueKind.BOOLEAN
        return kind, _read(compared, kind, raw)
    possible = [kind for kind in _GUESSES if kind in compared.kinds]
    sample = raw[0] if compared.takes != "value" and isinstance(raw, list | tuple) and raw else raw
    if ValueKind.TEXT in possible and isinstance(sample, str):
        return ValueKind.TEXT, _read(compared, ValueKind.TEXT, raw)
    if ValueKind.DATE in possible and isinstance(sample, str | date):
        return ValueKind.DATE, _read(compared, ValueKind.DATE, raw)
    return possible[0], _read(compared, possible[0], raw)


def _read(compared: Operator, kind: ValueKind, raw: Any) -> Any:
    if compared.takes == "none":
        if raw is not None:
            raise complaint("needless", _("“%(operator)s” takes no value."), operator=compared.words)
        return None
    read = compared.reads or NEEDED[kind]
    if compared.takes == "value":
        return read(raw)
    if not isinstance(raw, list | tuple):
        raise complaint("not_a_list", _("“%(operator)s” needs a list of values."), operator=compared.words)
    if compared.takes == "range":
        return _range(tuple(read(each) for each in raw))
    if not 1 <= len(raw) <= MOST_VALUES:
        raise complaint("length", _("This needs 1 to %(limit)s values."), limit=MOST_VALUES)
    return tuple(read(each) for each in raw)


def _range(needed: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(needed) != 2:
        raise complaint("range", _("This needs two values, the lower one first."))
    low, high = (edges(each, day=False)[0] if isinstance(each, date) else each for each in needed)
    if low > high:
        raise complaint("range", _("This needs two values, the lower one first."))
    return needed


def _check_choices(asked: Definition, needed: Any) -> None:
    if asked.choices is None or needed is None:
        return
    known = [str(value) for value, _label in asked.choices()]
    for each in needed if isinstance(needed, tuple) else (needed,):
        if each not in known:
            raise unknown("choice", each, known)
