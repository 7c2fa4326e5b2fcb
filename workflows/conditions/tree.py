"""The condition tree: it validates by being built, evaluates with a trace, and goes back to JSON.

Stored form: ``{"all": [{"fact": "patient.age", "operator": "at_least", "value": 65}, {"any": […]}]}``.
``{}`` and ``{"all": []}`` hold always.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows.catalogue import ValueKind
from workflows.catalogue.registry import UnknownName
from workflows.conditions.complaints import complaint, unknown
from workflows.conditions.dates import edges
from workflows.conditions.groups import group_kinds
from workflows.conditions.operators import Operator, operators, operators_for
from workflows.conditions.refs import Definition, FactRef, OpenFact, definition, ref_to
from workflows.conditions.values import MOST_VALUES, NEEDED, plain
from workflows.conditions.verdict import Answers, Verdict, question

#: How many outcomes a tree remembers the verdict of.
MOST_KNOWN = 256


@dataclass(frozen=True)
class Condition:
    """One fact compared with what the rule needs. Build it with ``of``, which validates."""

    ref: FactRef
    operator: Operator
    kind: ValueKind
    needed: Any = None
    definition: Definition = field(compare=False, kw_only=True, repr=False)
    #: What it asks, and all of it, as it was stored: what trees of one event have in common is found out once.
    question: str = field(compare=False, kw_only=True, repr=False)
    text: str = field(compare=False, kw_only=True, repr=False)

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
        asks = question(fact, operator, value, parameters)
        text = f"{asks} {operator} {value!r}"
        return cls(ref, compared, kind, needed, definition=asked, question=asks, text=text)

    def dump(self) -> dict[str, Any]:
        stored: dict[str, Any] = {"fact": self.ref.name, "operator": self.operator.name}
        if self.operator.takes != "none":
            stored["value"] = _json(self.needed)
        if self.ref.parameters:
            stored["parameters"] = dict(self.ref.parameters)
        return stored

    def leaves(self) -> Iterator[Condition]:
        yield self


@dataclass(frozen=True)
class Group:
    """Conditions of which all, any or none must hold."""

    kind: str = "all"
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
        """The verdict at that moment. A fact absent from ``values`` has no value; no value raises anything."""
        return self.weigh(Answers(dict(values), at))

    def weigh(self, answers: Answers) -> Verdict:
        """The verdict. Every condition is judged, even once the outcome is certain."""
        leaves, texts, questions = self._flat
        judged = answers.held
        for leaf in leaves:
            if leaf.text not in judged:
                answers.judge(leaf)
        held = "".join([judged[text] for text in texts])
        holds = self._known.get(held)
        if holds is None:
            holds = self._holds(held)
        return Verdict(holds, held, answers.saw, questions)

    @cached_property
    def _flat(self) -> tuple[list[Condition], list[str], tuple[str, ...]]:
        """Its conditions, their texts, and the questions they ask: made once, for the engine's hottest loop."""
        leaves = list(self.leaves())
        return leaves, [leaf.text for leaf in leaves], tuple(dict.fromkeys(leaf.question for leaf in leaves))

    @cached_property
    def _known(self) -> dict[str, bool]:
        """The verdict for what was seen to hold so far."""
        return {}

    def _holds(self, held: str) -> bool:
        """Whether the tree holds when these of its conditions do."""
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        holds = self._known[held] = self._fold(iter(held))
        return holds

    def _fold(self, held: Iterator[str]) -> bool:
        number = 0
        for each in self.of:
            number += each._fold(held) if isinstance(each, Group) else next(held) == "1"
        return group_kinds.get(self.kind).holds(number, len(self.of))


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
