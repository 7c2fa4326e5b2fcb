"""From stored JSON to a tree. Parsing is validation: what could be built can be evaluated and read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from workflows.conditions.complaints import complaint, located, unknown
from workflows.conditions.groups import group_kinds
from workflows.conditions.tree import Condition, Group

#: People must be able to read a rule, and PostgreSQL to plan it.
DEEPEST = 6
MOST_LEAVES = 50

PARTS = ("fact", "operator", "value", "parameters")


def parse(data: Any, *, stored: bool = False) -> Group:
    """The tree of this JSON.

    Raises one ValidationError holding every mistake; each has a code, and ``params["path"]`` says where, as
    in "all.0.any.2". ``stored`` forgives choices that are gone since the rule was published.
    """
    parser = _Parser(stored)
    root = parser.root(data)
    if parser.leaves > MOST_LEAVES:
        message = _("A rule may have at most %(limit)s conditions.")
        parser.errors.append(complaint("too_many", message, limit=MOST_LEAVES))
    if parser.errors:
        raise ValidationError(parser.errors)
    return root


class _Parser:
    """Walks the JSON once, collecting mistakes instead of stopping at the first."""

    def __init__(self, stored: bool) -> None:
        self.stored = stored
        self.leaves = 0
        self.errors: list[ValidationError] = []

    def root(self, data: Any) -> Group:
        if data in ({}, {"all": []}):
            return Group()
        if isinstance(data, Mapping) and len(data) == 1 and next(iter(data)) in group_kinds:
            return self.group(data, "", 1)
        self.complain(
            "", complaint("root", _("A rule is one group: “all”, “any” or “none” of its conditions."))
        )
        return Group()

    def group(self, data: Mapping[str, Any], path: str, depth: int) -> Group:
        kind, entries = next(iter(data.items()))
        here = f"{path}.{kind}" if path else kind
        if not isinstance(entries, list | tuple):
            self.complain(here, complaint("not_a_list", _("A group needs a list of conditions.")))
        elif not entries:
            self.complain(here, complaint("empty", _("This group is empty: add a condition or remove it.")))
        elif depth > DEEPEST:
            self.complain(
                here, complaint("too_deep", _("Groups nest at most %(limit)s deep."), limit=DEEPEST)
            )
        else:
            read = [self.node(entry, f"{here}.{place}", depth) for place, entry in enumerate(entries)]
            return Group(kind, tuple(each for each in read if each is not None))
        return Group()

    def node(self, data: Any, path: str, depth: int) -> Condition | Group | None:
        if isinstance(data, Mapping) and len(data) == 1 and next(iter(data)) in group_kinds:
            return self.group(data, path, depth + 1)
        self.leaves += 1
        # Past the limit the rule is refused anyway; do not spend time on the rest of it.
        if self.leaves > MOST_LEAVES:
            return None
        try:
            return self.leaf(data)
        except ValidationError as error:
            self.complain(path, error)
            return None

    def leaf(self, data: Any) -> Condition:
        if not isinstance(data, Mapping) or not isinstance(data.get("fact"), str):
            raise complaint("shape", _("A condition needs a fact and an operator."))
        for key in data:
            if key not in PARTS:
                raise unknown("key", key, PARTS)
        operator, parameters = data.get("operator"), data.get("parameters", {})
        if not isinstance(operator, str):
            raise complaint("shape", _("A condition needs a fact and an operator."))
        if not isinstance(parameters, Mapping):
            raise complaint("parameters", _("The parameters of a fact are names with whole numbers."))
        return Condition.of(data["fact"], operator, data.get("value"), parameters, stored=self.stored)

    def complain(self, path: str, error: ValidationError) -> None:
        self.errors += located(error, path)
