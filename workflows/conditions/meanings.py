"""What comparisons mean, in Python and in SQL side by side, where it takes more than a lookup's name.

A function ``x`` is called with a value that is there; ``x_q`` is TRUE for the rows for which ``x`` is,
and FALSE or NULL elsewhere.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import DecimalField, F, Q, Value
from django.db.models.functions import Mod
from django.db.models.lookups import Exact

from workflows.catalogue import ValueKind
from workflows.conditions.dates import bound, edges, is_day


class Numeric(DecimalField):
    """PostgreSQL's numeric without a limit of digits, which holds every integer and every decimal exactly."""

    def db_type(self, connection: Any) -> str:
        return "numeric"


class Column(NamedTuple):
    """A fact as an annotation of a query. ``day`` tells a date without a time from a moment; what is ``known`` has a
    value for every row."""

    name: str
    kind: ValueKind
    day: bool = False
    known: bool = False


def _span_q(column: Column, low: Any, below: Any) -> Q:
    return Q(**{f"{column.name}__gte": low, f"{column.name}__lt": below})


def equals(actual: Any, needed: Any) -> bool:
    if isinstance(actual, date):
        start, end = edges(needed, is_day(actual))
        return start <= actual < end
    return bool(actual == needed)


def equals_q(column: Column, needed: Any) -> Q:
    if column.kind is ValueKind.DATE:
        return _span_q(column, *edges(needed, column.day))
    return Q(**{column.name: needed})


def in_range(actual: Any, needed: Any) -> bool:
    low, high = needed
    if isinstance(actual, date):
        return edges(low, is_day(actual))[0] <= actual < edges(high, is_day(actual))[1]
    return bool(low <= actual <= high)


def in_range_q(column: Column, needed: Any) -> Q:
    low, high = needed
    if column.kind is ValueKind.DATE:
        return _span_q(column, edges(low, column.day)[0], edges(high, column.day)[1])
    return Q(**{f"{column.name}__gte": low, f"{column.name}__lte": high})


def before(actual: date, needed: date) -> bool:
    return actual < edges(needed, is_day(actual))[0]


def before_q(column: Column, needed: date) -> Q:
    return Q(**{f"{column.name}__lt": edges(needed, column.day)[0]})


def after(actual: date, needed: date) -> bool:
    return actual >= edges(needed, is_day(actual))[1]


def after_q(column: Column, needed: date) -> Q:
    return Q(**{f"{column.name}__gte": edges(needed, column.day)[1]})


def within(actual: date, span: tuple[Any, Any]) -> bool:
    low, high = (bound(moment, is_day(actual)) for moment in span)
    return bool(low <= actual <= high)


def within_q(column: Column, span: tuple[Any, Any]) -> Q:
    low, high = (bound(moment, column.day) for moment in span)
    return Q(**{f"{column.name}__gte": low, f"{column.name}__lte": high})


def _caseless(text: str) -> str:
    """A regular expression, read alike by Python and PostgreSQL, for the text in any mixture of cases."""

    def both_cases(letter: str) -> str:
        cases = sorted({case for case in (letter, letter.lower(), letter.upper()) if len(case) == 1})
        return f"[{''.join(cases)}]" if len(cases) > 1 else re.escape(letter)

    return "".join(both_cases(letter) for letter in text)


def matches(start: str, end: str) -> dict[str, Any]:
    """Both meanings of "the text, somewhere between these anchors"."""

    @lru_cache(maxsize=4096)
    def pattern(needed: str) -> re.Pattern[str]:
        return re.compile(start + _caseless(needed) + end)

    def function(actual: str, needed: str) -> bool:
        return pattern(needed).search(actual) is not None

    def lookup(column: Column, needed: str) -> Q:
        return Q(**{f"{column.name}__regex": pattern(needed).pattern})

    return {"function": function, "lookup": lookup}


def divisible_q(column: Column, needed: int) -> Q:
    rest = Mod(F(column.name), Value(needed, Numeric()), output_field=Numeric())
    return Q(Exact(rest, Value(0, Numeric())))


def has_value(actual: Any, needed: Any) -> bool:
    return actual is not None and actual != []


def has_value_q(column: Column, needed: Any) -> Q:
    known = Q(**{f"{column.name}__isnull": False})
    return known & ~Q(**{column.name: []}) if column.kind is ValueKind.LIST else known


def has_no_value_q(column: Column, needed: Any) -> Q:
    missing = Q(**{f"{column.name}__isnull": True})
    return missing | Q(**{column.name: []}) if column.kind is ValueKind.LIST else missing
