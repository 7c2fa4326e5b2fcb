"""Age in whole years by the calendar of where somebody lives, and how comparing it finds an index.

No table holds anybody's age, so "65 or older" would be worked out for every row. But it says the same as "born on this
day or before", and an index of the dates of birth answers that. Which day it is differs from place to place, by a day
from Greenwich's at most: whoever was not born within a day of the bound is settled by the date of birth alone, and only
for the few others the place is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from django.db.models import Func
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from workflows.conditions import Numeric

#: For these, ages and days of birth say the same. Whoever is not born yet is 0 too, by PostgreSQL's reckoning.
COMPARABLE = range(1, 1000)


class Years(Numeric):
    """The kind of number an age is: the lookups below are its own."""


class Age(Func):
    """In a time zone, at a moment, of who was born on a day. Who was born on a 29 February ages on 1 March."""

    arity = 3
    output_field = Years()

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, list[Any]]:
        (zone, in_zone), (at, when), (born, birth) = self._compiled(compiler)
        return f"EXTRACT(YEAR FROM AGE(timezone({zone}, {at}), {born}))::integer", [*in_zone, *when, *birth]

    def reached(self, compiler: Any, years: int) -> tuple[str, list[Any]]:
        """TRUE for those of that age and older."""
        return self._born(compiler, years, "<=", latest="+ 1", earliest="- 1")

    def not_reached(self, compiler: Any, years: int) -> tuple[str, list[Any]]:
        """TRUE for those who are younger."""
        return self._born(compiler, years, ">", latest="- 1", earliest="+ 1")

    def _born(
        self, compiler: Any, years: int, than: str, *, latest: str, earliest: str
    ) -> tuple[str, list[Any]]:
        """``latest`` shifts to the day beyond which it holds for nobody, ``earliest`` to where it holds for everybody."""
        (zone, in_zone), (at, when), (born, birth) = self._compiled(compiler)
        ago = f"interval '{years:d} years'"
        sql = (
            f"({born} {than} timezone('UTC', {at})::date {latest} - {ago}"
            f" AND ({born} {than} timezone('UTC', {at})::date {earliest} - {ago}"
            f" OR {born} {than} timezone({zone}, {at})::date - {ago}))"
        )
        return sql, [*birth, *when, *birth, *when, *birth, *in_zone, *when]

    def _compiled(self, compiler: Any) -> list[tuple[str, list[Any]]]:
        return [compiler.compile(each) for each in self.get_source_expressions()]


class _ByBirth:
    """A lookup that is written as one of the date of birth where that says the same."""

    lhs: Any
    rhs: Any
    #: What must be true of whole years for the age to compare so; nothing where that cannot be said.
    bounds: Callable[[Decimal], Sequence[tuple[Any, int]]]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        bounds = self.bounds(self.rhs) if isinstance(self.rhs, Decimal) else []
        if (
            not bounds
            or not isinstance(self.lhs, Age)
            or any(years not in COMPARABLE for _age, years in bounds)
        ):
            return super().as_sql(compiler, connection)
        parts = [compare(self.lhs, compiler, years) for compare, years in bounds]
        return " AND ".join(sql for sql, _params in parts), [
            each for _sql, params in parts for each in params
        ]


def _up(needed: Decimal) -> int:
    return int(needed.to_integral_value(ROUND_CEILING))


def _beyond(needed: Decimal) -> int:
    return int(needed.to_integral_value(ROUND_FLOOR)) + 1


@Years.register_lookup
class _AtLeast(_ByBirth, GreaterThanOrEqual):
    bounds = staticmethod(lambda needed: [(Age.reached, _up(needed))])


@Years.register_lookup
class _MoreThan(_ByBirth, GreaterThan):
    bounds = staticmethod(lambda needed: [(Age.reached, _beyond(needed))])


@Years.register_lookup
class _AtMost(_ByBirth, LessThanOrEqual):
    bounds = staticmethod(lambda needed: [(Age.not_reached, _beyond(needed))])


@Years.register_lookup
class _LessThan(_ByBirth, LessThan):
    bounds = staticmethod(lambda needed: [(Age.not_reached, _up(needed))])


@Years.register_lookup
class _Equals(_ByBirth, Exact):
    @staticmethod
    def bounds(needed: Decimal) -> Sequence[tuple[Any, int]]:
        if needed != needed.to_integral_value():
            return []
        return [(Age.reached, int(needed)), (Age.not_reached, int(needed) + 1)]
