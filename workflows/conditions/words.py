"""The third reading: a tree as a sentence, a line of a trace as a reason. Patterns, never glued pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows.conditions.dates import is_day
from workflows.conditions.groups import GroupKind, group_kinds
from workflows.conditions.values import plain

if TYPE_CHECKING:
    from workflows.conditions.refs import Definition
    from workflows.conditions.tree import Condition, Group


def sentence(tree: Group) -> str:
    """What the tree says: "the patient's age is at least 65 and …", or "always" if it is empty."""
    if not tree.of:
        return _("always")
    parts = [_part(each) for each in tree.of]
    kind = group_kinds.get(tree.kind)
    return _joined(parts, kind.joint) if kind.requires else _group(kind, parts)


def _part(node: Condition | Group) -> str:
    from workflows.conditions.tree import Condition

    if isinstance(node, Condition):
        return condition(node)
    return _group(group_kinds.get(node.kind), [_part(each) for each in node.of])


def _group(kind: GroupKind, parts: Sequence[str]) -> str:
    return str(kind.words) % {"conditions": _joined(parts, kind.joint)}


def _joined(parts: Sequence[str], joint: Any) -> str:
    return reduce(lambda first, second: joint % {"first": first, "second": second}, parts)


def condition(leaf: Condition) -> str:
    """One condition: "the patient's last visit is within the last 90 days"."""
    said: dict[str, str] = {"fact": label(leaf.definition, dict(leaf.ref.parameters))}
    if leaf.operator.span is not None:
        said["days"] = ngettext("%(number)s day", "%(number)s days", leaf.needed) % {"number": leaf.needed}
    elif leaf.operator.takes == "range":
        said["low"], said["high"] = (value(leaf.definition, each) for each in leaf.needed)
    elif leaf.operator.takes == "values":
        said["needed"] = _list([value(leaf.definition, each) for each in leaf.needed])
    elif leaf.operator.takes == "value":
        said["needed"] = value(leaf.definition, leaf.needed)
    return str(leaf.operator.says) % said


def _list(shown: Sequence[str]) -> str:
    return reduce(
        lambda first, second: _("%(first)s, %(second)s") % {"first": first, "second": second}, shown
    )


def label(asked: Definition, parameters: Mapping[str, int]) -> str:
    """The fact with its parameters: in the label's own placeholders if it has any, else in brackets."""
    text = str(asked.label)
    if not parameters:
        return text
    if "%(" in text:
        return text % parameters
    pairs = [
        _("%(parameter)s: %(number)s") % {"parameter": each.label, "number": parameters[each.name]}
        for each in asked.parameters
    ]
    return _("%(fact)s (%(parameters)s)") % {"fact": text, "parameters": _list(pairs)}


def value(asked: Definition, needed: Any) -> str:
    """A needed value for people: choices by their labels, text in quotes, numbers with their unit."""
    if asked.choices is not None:
        labels = {str(known): str(shown) for known, shown in asked.choices()}
        return labels.get(needed, str(needed))
    if isinstance(needed, date):
        return _date(needed)
    if isinstance(needed, int | Decimal):
        return (
            _("%(number)s %(unit)s") % {"number": _number(needed), "unit": asked.unit}
            if asked.unit
            else _number(needed)
        )
    return _("“%(text)s”") % {"text": needed}


def _number(number: int | Decimal) -> str:
    return f"{number:f}" if isinstance(number, Decimal) else str(number)


def _date(needed: date) -> str:
    if is_day(needed):
        return date_format(needed, "DATE_FORMAT")
    assert isinstance(needed, datetime)
    return date_format(needed.astimezone(timezone.get_default_timezone()), "DATETIME_FORMAT")


# ── Reasons ─────────────────────────────────────────────────────────────────────────────────────────────
class Asked(NamedTuple):
    """A stored condition in words, for as many reasons as there are."""

    fact: str
    operator: str
    needed: Any


def asked(stored: Mapping[str, Any]) -> Asked:
    """What the code knows no more is called by its name."""
    from workflows.conditions.tree import Condition

    name, parameters = stored["fact"], stored.get("parameters") or {}
    try:
        leaf = Condition.of(name, stored["operator"], stored.get("value"), parameters, stored=True)
    except ValidationError:
        return Asked(
            _label_or_name(name, parameters), _words_or_name(stored["operator"]), stored.get("value")
        )
    return Asked(
        label(leaf.definition, dict(leaf.ref.parameters)), str(leaf.operator.words), plain(leaf.needed)
    )


def _label_or_name(name: str, parameters: Mapping[str, Any]) -> str:
    from workflows.conditions.refs import definition, ref

    try:
        return label(definition(name), dict(ref(name, parameters).parameters))
    except ValidationError:
        return name


def _words_or_name(operator: str) -> str:
    from workflows.conditions.operators import operators

    return str(operators.get(operator).words) if operator in operators else operator


def reason(condition: Asked, actual: Any) -> str:
    """What was found, for a list of runs: "the patient's age: 61 (asked: is at least 65)"."""
    said = {
        "fact": condition.fact,
        "actual": _("no value") if actual is None else _plain(actual),
        "operator": condition.operator,
        "needed": _plain(condition.needed),
    }
    if condition.needed is None:
        return _("%(fact)s: %(actual)s (asked: %(operator)s)") % said
    return _("%(fact)s: %(actual)s (asked: %(operator)s %(needed)s)") % said


def _plain(stored: Any) -> str:
    if isinstance(stored, list):
        return _list([_plain(each) for each in stored]) if stored else _("nothing")
    if isinstance(stored, bool):
        return _("yes") if stored else _("no")
    return str(stored)
