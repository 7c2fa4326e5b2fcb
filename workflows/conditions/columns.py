"""Facts as typed annotations of a query: the one place where a fact's expression meets SQL.

Values come out in the same forms as ``values`` describes, by the same expressions the population is
filtered with, so what a trace shows is what the filter saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ImproperlyConfigured
from django.db.models import (
    DateField,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Field,
    Func,
    IntegerField,
    QuerySet,
    TextField,
    Value,
)
from django.db.models.functions import Cast, NullIf

from workflows.catalogue import Fact, ValueKind, facts
from workflows.conditions.meanings import Column, Numeric
from workflows.conditions.refs import FactRef


def moment(at: Any) -> Any:
    """The moment as an expression."""
    return Value(at, output_field=DateTimeField()) if isinstance(at, datetime) else at


def with_facts(
    queryset: QuerySet[Any], refs: Iterable[FactRef], at: Any, *, select: bool = False
) -> tuple[QuerySet[Any], dict[FactRef, Column]]:
    """The queryset with ``at`` and one typed annotation per fact, and which is which.

    Annotations are selected only on request: a filter should not pay for columns nobody reads.
    """
    queryset = queryset.alias(at=moment(at))
    columns: dict[FactRef, Column] = {}
    for place, ref in enumerate(refs):
        fact = facts.get(ref.name)
        asked, typed_name = f"asked_{place}", f"fact_{place}"
        queryset = queryset.alias(**{asked: fact.expression(**dict(ref.parameters))})
        field = queryset.query.annotations[asked].output_field
        named = {typed_name: typed(fact, F(asked), field)}
        queryset = queryset.annotate(**named) if select else queryset.alias(**named)
        columns[ref] = Column(
            typed_name,
            fact.kind,
            day=fact.kind is ValueKind.DATE and not _has_time(field),
            known=isinstance(queryset.query.annotations[asked], Exists),
        )
    return queryset, columns


def _has_time(field: Field[Any, Any]) -> bool:
    return isinstance(field, DateTimeField)


def typed(fact: Fact, expression: Any, field: Field[Any, Any]) -> Any:
    """The fact in its kind's form; NULL where ``values`` would say there is no value.

    Raises ImproperlyConfigured where the expression cannot be what the fact claims.
    """
    if fact.kind in (ValueKind.TEXT, ValueKind.CHOICE):
        return NullIf(Cast(expression, TextField()), Value("", TextField()))
    if fact.kind is ValueKind.NUMBER:
        return _number(expression, field)
    if fact.kind is ValueKind.DATE and not isinstance(field, DateField):
        raise _mistyped(fact, field, "a date")
    if fact.kind is ValueKind.LIST:
        if not isinstance(field, ArrayField):
            raise _mistyped(fact, field, "a list")
        return _list(expression)
    return expression


def _number(expression: Any, field: Field[Any, Any]) -> Any:
    """A number that compares exactly, where an integer field would round 64.5 and a float disagree about 0.1.

    Integers stay integers in the database: over a whole population, casting every row is not free.
    """
    if isinstance(field, Numeric):
        return expression  # of a kind of its own, which knows best how it is compared
    if isinstance(field, IntegerField):
        return ExpressionWrapper(expression, output_field=Numeric())
    number: Any = Cast(expression, Numeric())
    for absurd in ("NaN", "Infinity", "-Infinity"):
        number = NullIf(number, Cast(Value(absurd), Numeric()))
    return number


def _list(expression: Any) -> Any:
    """As an array of texts without the entries that hold nothing."""
    texts: ArrayField[Any, Any] = ArrayField(TextField())
    entries: Any = Cast(expression, texts)
    for nothing in (None, ""):
        entries = Func(entries, Value(nothing), function="array_remove", output_field=texts)
    return entries


def _mistyped(fact: Fact, field: Field[Any, Any], claim: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"Fact {fact.name!r} says that it is {claim}, but its expression is a {type(field).__name__}."
    )
