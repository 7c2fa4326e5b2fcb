"""What a condition asks about: a fact's name with its parameters, and the definition behind that name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from workflows.catalogue import EventFact, Fact, Parameter, event_facts, facts
from workflows.conditions.complaints import complaint, unknown

#: Foreign JSON and the results of earlier steps have any shape: every path below these is accepted.
PAYLOAD = re.compile(r"event\.payload\.(?P<path>[\w-]+(\.[\w-]+)*)")
RESULT = re.compile(r"step\.(?P<step>[\w-]+)\.result(\.(?P<path>[\w-]+(\.[\w-]+)*))?")


class FactRef(NamedTuple):
    """One question: a fact and all of its parameters, in the order the fact declares them."""

    name: str
    parameters: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class OpenFact:
    """A path into JSON of unknown shape. Its kind is that of the value a condition compares it with."""

    name: str
    label: Any
    kind: None = None
    parameters: tuple[Parameter, ...] = ()
    choices: Callable[[], list[tuple[str, Any]]] | None = None
    unit: Any = ""


Definition = Fact | EventFact | OpenFact


class _Label:
    """A label with a path in it, translated when it is read."""

    def __init__(self, pattern: Any, **values: str) -> None:
        self.pattern, self.values = pattern, values

    def __str__(self) -> str:
        return str(self.pattern % self.values)


def definition(name: str) -> Definition:
    """What stands behind the name. Raises ValidationError, naming near misses."""
    if name in facts:
        return facts.get(name)
    if name in event_facts:
        return event_facts.get(name)
    if found := PAYLOAD.fullmatch(name):
        return OpenFact(name, _Label(_("the payload's “%(path)s”"), path=found["path"]))
    if found := RESULT.fullmatch(name):
        if found["path"] is None:
            return OpenFact(name, _Label(_("the result of step “%(step)s”"), step=found["step"]))
        return OpenFact(name, _Label(_("“%(path)s” in the result of step “%(step)s”"), **found.groupdict()))
    raise unknown("fact", name, [*facts.names(), *event_facts.names()])


def ref(name: str, parameters: Mapping[str, Any] | None = None) -> FactRef:
    """The question, defaults filled in. Raises ValidationError for an unknown fact or parameter."""
    return ref_to(definition(name), parameters or {})


def ref_to(asked: Definition, given: Mapping[str, Any]) -> FactRef:
    known = [parameter.name for parameter in asked.parameters]
    for name in given:
        if name not in known:
            raise unknown("parameter", name, known)
    return FactRef(asked.name, tuple((each.name, _argument(each, given)) for each in asked.parameters))


def _argument(parameter: Parameter, given: Mapping[str, Any]) -> int:
    value = given.get(parameter.name, parameter.default)
    if type(value) is not int or not parameter.minimum <= value <= parameter.maximum:
        raise complaint(
            "parameter",
            _("%(parameter)s must be a whole number from %(low)s to %(high)s."),
            parameter=parameter.label,
            low=parameter.minimum,
            high=parameter.maximum,
        )
    return value


def needed_to_read(refs: Iterable[FactRef]) -> frozenset[str]:
    """The permissions without which nobody may ask these. What events and steps tell holds no values of records."""
    return frozenset(facts.get(each.name).needs for each in refs if each.name in facts)


def by_model(refs: Iterable[FactRef]) -> dict[str, list[FactRef]]:
    """The questions about records, per model; those about the event and its steps are left out."""
    found: dict[str, list[FactRef]] = {}
    for each in dict.fromkeys(refs):
        if each.name in facts:
            found.setdefault(facts.get(each.name).model, []).append(each)
    return found
