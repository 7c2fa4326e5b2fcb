"""Pages of a list, counted only as far as people turn them.

``SELECT count(*)`` reads every row it counts: half a second for eight million events, and again for every page. Nobody
turns to the twentieth; whoever has that many rows before them narrows the list. So the count stops at ``most``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.paginator import Page, Paginator
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils.formats import number_format
from django.utils.functional import cached_property


class BoundedPaginator(Paginator):
    """Pages of the first ``most`` rows. ``has_more`` tells whether there are others behind them."""

    template_name = "admin/careops/pages.html"  # where Unfold looks for a paginator's own
    most: ClassVar[int] = 400
    object_list: QuerySet[Any]

    @cached_property
    def _met(self) -> int:
        """How many rows there are; ``most`` + 1 where there are more than ``most``."""
        return int(self.object_list.order_by().values("pk")[: self.most + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._met, self.most)

    @property
    def has_more(self) -> bool:
        return self._met > self.most

    @property
    def bound(self) -> str:
        """``most``, as people write it."""
        return number_format(self.most, force_grouping=True)

    def page(self, number: int | str) -> Page:
        """The rows of that page, found by their keys alone: what is skipped or sorted away is neither joined nor read."""
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        keys = self.object_list.values("pk")[first : min(first + self.per_page, self.most)]
        return Page(self.object_list.filter(pk__in=keys), number, self)


def off_the_index(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows in the same order, without an index to walk along: for what is found by the thing it is ordered by,
    such as people by their names.

    PostgreSQL expects to meet the first fifty Smiths soon when it walks along the names, as if they were strewn among
    the others; they stand together, behind 160 000 people. Sorting what was found is quicker.

    ``coalesce(x, x)`` is x, but not to the planner. Rows in the order of another table stay as they are.
    """
    first, *rest = rows.query.order_by or ("",)
    columns = {field.name for field in rows.model._meta.concrete_fields if not field.is_relation}
    if not isinstance(first, str) or (column := first.lstrip("-")) not in columns:
        return rows
    value = Coalesce(F(column), F(column))
    return rows.order_by(value.desc() if first.startswith("-") else value.asc(), *rest)
