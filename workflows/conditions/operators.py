"""The one table of operators: what each is called, may be asked of, and means in Python and in SQL.

To add an operator, add an entry here and its test; nothing else changes.

**Missing values.** Where a fact has no value (see ``values``), no operator holds, the negative ones
included: a patient without a city neither *is in Leeds* nor *is not in Leeds*. Only ``has_value`` and
``has_no_value`` judge a missing value. SQL agrees because a comparison with NULL is not TRUE. (A ``none``
group is another matter: it says that none of its conditions *holds*, so a missing value satisfies it;
``population`` writes it as ``IS NOT TRUE``.)

**Lists.** An empty list is a value: it excludes everything. For ``has_value`` it is nothing.

**Text.** Comparing whole texts is exact. ``contains``, ``starts_with`` and ``ends_with`` ignore case, by a
pattern that spells out both cases of each letter: the database's locale then has no say, and both readings
use the same pattern.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any, Literal

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workflows.catalogue import ValueKind
from workflows.catalogue.registry import Registry
from workflows.conditions import meanings
from workflows.conditions.meanings import Column
from workflows.conditions.values import whole_number

TEXT, NUMBER, BOOLEAN = ValueKind.TEXT, ValueKind.NUMBER, ValueKind.BOOLEAN
DATE, CHOICE, LIST = ValueKind.DATE, ValueKind.CHOICE, ValueKind.LIST

Takes = Literal["value", "values", "range", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One way to compare a fact with what a rule needs.

    ``words`` name it in a menu, ``says`` is the pattern of its sentence. ``function`` is its meaning in
    Python and is never called with a missing value, unless ``judges_missing``. ``lookup`` is its meaning in
    SQL: a lookup's name, or a function of the column and the needed value. ``reads`` checks the needed
    value where that is not of the fact's own kind. ``span`` turns it into a pair of moments around ``at``,
    which is a datetime or an expression.
    """

    name: str
    words: Any
    says: Any
    kinds: frozenset[ValueKind]
    function: Callable[[Any, Any], bool]
    lookup: str | Callable[[Column, Any], Q]
    takes: Takes = "value"
    reads: Callable[[Any], Any] | None = None
    span: Callable[[Any, Any], tuple[Any, Any]] | None = None
    judges_missing: bool = False

    def q(self, column: Column, needed: Any) -> Q:
        """TRUE for the rows where it holds; FALSE or NULL elsewhere."""
        if callable(self.lookup):
            return self.lookup(column, needed)
        return Q(**{f"{column.name}__{self.lookup}": needed})


operators: Registry[Operator] = Registry("Operator")


def _days(number: int) -> timedelta:
    return timedelta(days=number)


# ── The table ───────────────────────────────────────────────────────────────────────────────────────────
for _entry in (
    Operator(
        name="equals",
        words=_("is"),
        says=_("%(fact)s is %(needed)s"),
        kinds=frozenset({TEXT, NUMBER, DATE, CHOICE}),
        function=meanings.equals,
        lookup=meanings.equals_q,
    ),
    Operator(
        name="not_equals",
        words=_("is not"),
        says=_("%(fact)s is not %(needed)s"),
        kinds=frozenset({TEXT, NUMBER, DATE, CHOICE}),
        function=lambda actual, needed: not meanings.equals(actual, needed),
        lookup=lambda column, needed: ~meanings.equals_q(column, needed),
    ),
    Operator(
        name="at_least",
        words=_("is at least"),
        says=_("%(fact)s is at least %(needed)s"),
        kinds=frozenset({NUMBER}),
        function=operator.ge,
        lookup="gte",
    ),
    Operator(
        name="more_than",
        words=_("is more than"),
        says=_("%(fact)s is more than %(needed)s"),
        kinds=frozenset({NUMBER}),
        function=operator.gt,
        lookup="gt",
    ),
    Operator(
        name="at_most",
        words=_("is at most"),
        says=_("%(fact)s is at most %(needed)s"),
        kinds=frozenset({NUMBER}),
        function=operator.le,
        lookup="lte",
    ),
    Operator(
        name="less_than",
        words=_("is less than"),
        says=_("%(fact)s is less than %(needed)s"),
        kinds=frozenset({NUMBER}),
        function=operator.lt,
        lookup="lt",
    ),
    Operator(
        name="between",
        words=_("is between"),
        says=_("%(fact)s is between %(low)s and %(high)s"),
        kinds=frozenset({NUMBER, DATE}),
        function=meanings.in_range,
        lookup=meanings.in_range_q,
        takes="range",
    ),
    Operator(
        name="divisible_by",
        words=_("is divisible by"),
        says=_("%(fact)s is divisible by %(needed)s"),
        kinds=frozenset({NUMBER}),
        function=lambda actual, needed: Fraction(actual) % needed == 0,
        lookup=meanings.divisible_q,
        reads=whole_number(1, 1_000_000),
    ),
    Operator(
        name="one_of",
        words=_("is one of"),
        says=_("%(fact)s is one of %(needed)s"),
        kinds=frozenset({TEXT, NUMBER, CHOICE}),
        function=lambda actual, needed: actual in needed,
        lookup="in",
        takes="values",
    ),
    Operator(
        name="none_of",
        words=_("is none of"),
        says=_("%(fact)s is none of %(needed)s"),
        kinds=frozenset({TEXT, NUMBER, CHOICE}),
        function=lambda actual, needed: actual not in needed,
        lookup=lambda column, needed: ~Q(**{f"{column.name}__in": needed}),
        takes="values",
    ),
    Operator(
        name="contains",
        words=_("contains"),
        says=_("%(fact)s contains %(needed)s"),
        kinds=frozenset({TEXT}),
        **meanings.matches("", ""),
    ),
    Operator(
        name="is_text",
        words=_("reads"),
        says=_("%(fact)s reads %(needed)s, in capitals or not"),
        kinds=frozenset({TEXT}),
        **meanings.matches(r"\A", r"\Z"),
    ),
    Operator(
        name="starts_with",
        words=_("starts with"),
        says=_("%(fact)s starts with %(needed)s"),
        kinds=frozenset({TEXT}),
        **meanings.matches(r"\A", ""),
    ),
    Operator(
        name="ends_with",
        words=_("ends with"),
        says=_("%(fact)s ends with %(needed)s"),
        kinds=frozenset({TEXT}),
        **meanings.matches("", r"\Z"),
    ),
    Operator(
        name="includes",
        words=_("includes"),
        says=_("%(fact)s includes %(needed)s"),
        kinds=frozenset({LIST}),
        function=operator.contains,
        lookup=lambda column, needed: Q(**{f"{column.name}__contains": [needed]}),
    ),
    Operator(
        name="includes_any",
        words=_("includes any of"),
        says=_("%(fact)s includes any of %(needed)s"),
        kinds=frozenset({LIST}),
        function=lambda actual, needed: not set(actual).isdisjoint(needed),
        lookup=lambda column, needed: Q(**{f"{column.name}__overlap": list(needed)}),
        takes="values",
    ),
    Operator(
        name="excludes",
        words=_("does not include"),
        says=_("%(fact)s does not include %(needed)s"),
        kinds=frozenset({LIST}),
        function=lambda actual, needed: needed not in actual,
        lookup=lambda column, needed: ~Q(**{f"{column.name}__contains": [needed]}),
    ),
    Operator(
        name="before",
        words=_("is before"),
        says=_("%(fact)s is before %(needed)s"),
        kinds=frozenset({DATE}),
        function=meanings.before,
        lookup=meanings.before_q,
    ),
    Operator(
        name="after",
        words=_("is after"),
        says=_("%(fact)s is after %(needed)s"),
        kinds=frozenset({DATE}),
        function=meanings.after,
        lookup=meanings.after_q,
    ),
    Operator(
        name="within_last_days",
        words=_("is within the last days"),
        says=_("%(fact)s is within the last %(days)s"),
        kinds=frozenset({DATE}),
        function=meanings.within,
        lookup=meanings.within_q,
        reads=whole_number(0, 36_500),
        span=lambda days, at: (at - _days(days), at),
    ),
    Operator(
        name="within_next_days",
        words=_("is within the next days"),
        says=_("%(fact)s is within the next %(days)s"),
        kinds=frozenset({DATE}),
        function=meanings.within,
        lookup=meanings.within_q,
        reads=whole_number(0, 36_500),
        span=lambda days, at: (at, at + _days(days)),
    ),
    Operator(
        name="is_true",
        words=_("is true"),
        says=_("%(fact)s is true"),
        kinds=frozenset({BOOLEAN}),
        function=lambda actual, needed: actual,
        lookup=lambda column, needed: Q(**{column.name: True}),
        takes="none",
    ),
    Operator(
        name="is_false",
        words=_("is false"),
        says=_("%(fact)s is false"),
        kinds=frozenset({BOOLEAN}),
        function=lambda actual, needed: not actual,
        lookup=lambda column, needed: Q(**{column.name: False}),
        takes="none",
    ),
    Operator(
        name="has_value",
        words=_("has a value"),
        says=_("%(fact)s has a value"),
        kinds=frozenset(ValueKind),
        function=meanings.has_value,
        lookup=meanings.has_value_q,
        takes="none",
        judges_missing=True,
    ),
    Operator(
        name="has_no_value",
        words=_("has no value"),
        says=_("%(fact)s has no value"),
        kinds=frozenset(ValueKind),
        function=lambda actual, needed: not meanings.has_value(actual, needed),
        lookup=meanings.has_no_value_q,
        takes="none",
        judges_missing=True,
    ),
):
    operators.add(_entry)


def operators_for(kind: ValueKind) -> list[Operator]:
    """The operators a fact of that kind may be asked with, in the table's order."""
    return [each for each in operators if kind in each.kinds]
