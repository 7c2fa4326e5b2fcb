"""Which narrowings a list accepts from its address.

Django lets anybody who may see a list filter it by any of the model's own columns, shown or not:
``?note__regex=…`` read a hidden note letter by letter. Here a list takes what it declares, and comparisons
that tell no more than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest

COMPARISONS = frozenset({
    "exact", "in", "isnull", "gt", "gte", "lt", "lte", "year", "month", "day", "date", "date__gte",
    "date__lte", "isempty", "id__exact", "id__in", "pk__exact", "pk__in",
})  # fmt: skip
#: How Unfold's range filters name their inputs.
ENDINGS = ("_from", "_to", "_from_0", "_from_1", "_to_0", "_to_1")


def is_declared(model_admin: ModelAdmin, request: HttpRequest, lookup: str) -> bool:
    """Does this list declare the narrowing, as a filter or as its hierarchy of dates?"""
    return any(_narrows(lookup, declared) for declared in _declared(model_admin, request))


def _declared(model_admin: ModelAdmin, request: HttpRequest) -> Iterator[str]:
    if model_admin.date_hierarchy:
        yield model_admin.date_hierarchy
    for item in model_admin.get_list_filter(request):
        yield _name_of(item)


def _name_of(item: Any) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, tuple | list):
        return item[0]
    return item.parameter_name


def _narrows(lookup: str, declared: str) -> bool:
    if lookup == declared:
        return True
    stem, separator, comparison = lookup.partition(declared)
    if stem or not separator:
        return False
    return comparison in ENDINGS or (comparison[:2] == "__" and comparison[2:] in COMPARISONS)
