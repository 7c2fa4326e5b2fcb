"""The second reading: the tree as SQL over a whole model, by the expressions that answer for one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import BooleanField, Expression, ExpressionWrapper, F, Func, Model, Q, QuerySet
from django.utils.translation import gettext as _

from workflows.catalogue import facts
from workflows.conditions.columns import with_facts
from workflows.conditions.groups import group_kinds
from workflows.conditions.meanings import Column
from workflows.conditions.refs import FactRef
from workflows.conditions.tree import Condition, Group

M = TypeVar("M", bound=Model)


class NotAPopulationQuestion(ValueError):
    """The tree asks about more than this model's records; ``facts`` names what it asks besides."""

    def __init__(self, model: type[Model], foreign: Sequence[str]) -> None:
        self.facts = tuple(foreign)
        super().__init__(
            _("These facts are not about %(noun)s: %(facts)s.")
            % {"noun": model._meta.verbose_name_plural, "facts": ", ".join(foreign)}
        )


class IsNotTrue(Func):
    """False or NULL. ``NOT`` would keep a missing value NULL, and a ``none`` group would lose the row."""

    template = "(%(expressions)s) IS NOT TRUE"
    arity = 1
    output_field = BooleanField()

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().as_sql(*args, **kwargs)
        except EmptyResultSet:
            # Django saw that the condition can hold for no row, so its opposite holds for every row.
            raise FullResultSet from None


def matching(tree: Group, queryset: QuerySet[M], at: datetime | Expression) -> QuerySet[M]:
    """The rows for which the tree holds at that moment: exactly those for which ``evaluate`` says so.

    Raises NotAPopulationQuestion where the tree asks about other records or about an event.
    """
    refs = tree.fact_refs()
    model = queryset.model
    if foreign := [ref.name for ref in refs if not _is_about(ref, model)]:
        raise NotAPopulationQuestion(model, list(dict.fromkeys(foreign)))
    asked, columns = with_facts(queryset, refs, at)
    return asked.filter(_group_q(tree, columns))


def audience(tree: Group, model: type[Model], at: datetime | Expression) -> int:
    """How many records of the model the tree holds for at that moment."""
    return matching(tree, model._base_manager.all(), at).count()


def split(tree: Group, model: type[Model]) -> Group:
    """What the tree requires of this model's records alone: whoever fails it fails the tree.

    Members of an ``all`` are required each for itself, so the others may be ignored; of an ``any`` or a
    mixed ``none`` nothing can be said. The empty result means that the tree sets this model no bound of its
    own.
    """
    if not group_kinds.get(tree.kind).requires:
        return Group("all", (tree,)) if _all_about(tree, model) else Group()
    kept: list[Condition | Group] = []
    for each in tree.of:
        if _all_about(each, model):
            kept.append(each)
        elif isinstance(each, Group) and group_kinds.get(each.kind).requires:
            kept += split(each, model).of
    return Group("all", tuple(kept))


def _all_about(node: Condition | Group, model: type[Model]) -> bool:
    return all(_is_about(leaf.ref, model) for leaf in node.leaves())


def _is_about(ref: FactRef, model: type[Model]) -> bool:
    concrete = model._meta.concrete_model or model
    return ref.name in facts and facts.get(ref.name).model == concrete._meta.label


def _group_q(group: Group, columns: Mapping[FactRef, Column]) -> Q:
    if not group.of:
        return Q()
    kind, parts = group_kinds.get(group.kind), [_node_q(each, columns) for each in group.of]
    if kind.denies:
        parts = [_not(each, part, columns) for each, part in zip(group.of, parts, strict=True)]
    return reduce(kind.combine, parts)


def _not(node: Condition | Group, part: Q, columns: Mapping[FactRef, Column]) -> Q:
    """TRUE where the node does not hold. PostgreSQL plans NOT EXISTS as one anti join, and IS NOT TRUE row by row."""
    if all(columns[leaf.ref].known for leaf in node.leaves()):
        return ~part
    return Q(IsNotTrue(ExpressionWrapper(part, BooleanField())))


def _node_q(node: Condition | Group, columns: Mapping[FactRef, Column]) -> Q:
    """TRUE exactly where the node holds. ``AND`` and ``OR`` keep that property, NULL or not."""
    if isinstance(node, Group):
        return _group_q(node, columns)
    needed: Any = node.needed
    if node.operator.span is not None:
        needed = node.operator.span(needed, F("at"))
    return node.operator.q(columns[node.ref], needed)
