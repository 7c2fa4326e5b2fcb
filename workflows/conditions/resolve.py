"""The values of facts: one statement per model, however many facts, records and moments are asked for.

A batch of events asks about the same patient at several moments, so the pairs (record, moment) are sent as
two arrays and joined laterally with the model's own query. That query is compiled by Django once per set of
facts and kept: its text does not depend on the pairs. The facts see the moment as a column of the pairs, so
``F("at")`` and ``OuterRef("at")`` work at any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import DateTimeField, Func

from workflows.catalogue import Fact, ValueKind, event_facts, facts
from workflows.conditions.columns import with_facts
from workflows.conditions.refs import PAYLOAD, RESULT, FactRef
from workflows.conditions.values import canonical

Values = dict[FactRef, Any]


class _Statement(NamedTuple):
    """A compiled batch. ``facts`` are kept to notice when a name means another fact by now, as in tests."""

    facts: tuple[Fact, ...]
    sql: str
    params: tuple[Any, ...]


#: Made of what Django compiled and of names from this file; the pairs travel as its first two parameters.
_BATCH = """
SELECT %(outer)s
FROM unnest(%%s::%(key_type)s[], %%s::timestamptz[]) WITH ORDINALITY AS careops_pair("id", "at", "place")
LEFT JOIN LATERAL (%(inner)s) AS careops_row ON true
ORDER BY careops_pair."place"
"""

_statements: dict[tuple[str, tuple[FactRef, ...]], _Statement] = {}
_MOST_STATEMENTS = 500


def values_for(model_label: str, ids: Iterable[Any], refs: Iterable[FactRef], at: Any) -> dict[Any, Values]:
    """The values at one moment, per record. ``at`` is a datetime or an expression such as ``Now()``.

    A record that does not exist has no values: each of its facts is None.
    """
    ids, refs = list(dict.fromkeys(ids)), tuple(dict.fromkeys(refs))
    if isinstance(at, datetime):
        return dict(zip(ids, values_at(model_label, [(each, at) for each in ids], refs), strict=True))
    found: dict[Any, Values] = {each: dict.fromkeys(refs) for each in ids}
    if not refs:
        return found
    rows, columns = with_facts(
        _model(model_label, refs)._base_manager.filter(pk__in=ids), refs, at, select=True
    )
    for pk, *values in rows.order_by().values_list("pk", *(columns[ref].name for ref in refs)):
        found[pk] = _read(refs, values)
    return found


def values_at(
    model_label: str, pairs: Sequence[tuple[Any, datetime]], refs: Iterable[FactRef]
) -> list[Values]:
    """The values of each (record, moment), in the order of the pairs, by one statement."""
    refs = tuple(dict.fromkeys(refs))
    if not pairs or not refs:
        return [{} for _pair in pairs]
    statement = _statement(model_label, refs)
    ids, moments = zip(*pairs, strict=True)
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(statement.sql, [list(ids), list(moments), *statement.params])
        rows = cursor.fetchall()
    if len(rows) != len(pairs):
        raise ImproperlyConfigured(
            f"A fact of {model_label} joins rows: write history as Exists or a subquery."
        )
    return [_read(refs, row) for row in rows]


def read_event(
    refs: Iterable[FactRef], event: Any, *, payload: Any = None, results: Mapping[str, Any] | None = None
) -> Values:
    """The values that need no query: of the event, its payload, and the results of steps by their keys."""
    found: Values = {}
    for ref in refs:
        if ref.name in event_facts:
            fact = event_facts.get(ref.name)
            # mypy knows the plain form only; a fact with parameters takes them by name.
            read: Callable[..., Any] = fact.read
            found[ref] = canonical(fact.kind, read(event, **dict(ref.parameters)))
        elif path := PAYLOAD.fullmatch(ref.name):
            found[ref] = dig(payload, path["path"])
        elif path := RESULT.fullmatch(ref.name):
            found[ref] = dig((results or {}).get(path["step"]), path["path"] or "")
    return found


def dig(data: Any, path: str) -> Any:
    """What lies at the dotted path; numbers index lists. None where the path leads nowhere."""
    for key in filter(None, path.split(".")):
        if isinstance(data, Mapping):
            data = data.get(key)
        elif isinstance(data, list) and key.isdecimal() and len(key) < 9 and int(key) < len(data):
            data = data[int(key)]
        else:
            return None
    return data


# ── The statement ───────────────────────────────────────────────────────────────────────────────────────
class _Pair(Func):
    """A column of the pairs, seen from inside the lateral query and from any subquery of it."""

    def __init__(self, column: str, output_field: Any) -> None:
        super().__init__(template=f'"careops_pair"."{column}"', output_field=output_field)


def _model(label: str, refs: Iterable[FactRef]) -> Any:
    """Raises ValueError for a fact that belongs to another model."""
    for ref in refs:
        if facts.get(ref.name).model != label:
            raise ValueError(f"{ref.name} is a fact of {facts.get(ref.name).model}, not of {label}.")
    return apps.get_model(label)


def _statement(model_label: str, refs: tuple[FactRef, ...]) -> _Statement:
    asked = tuple(facts.get(ref.name) for ref in refs)
    known = _statements.get((model_label, refs))
    if known is not None and all(old is new for old, new in zip(known.facts, asked, strict=True)):
        return known
    if len(_statements) >= _MOST_STATEMENTS:
        _statements.clear()
    compiled = _statements[model_label, refs] = _compile(model_label, refs, asked)
    return compiled


def _compile(model_label: str, refs: tuple[FactRef, ...], asked: tuple[Fact, ...]) -> _Statement:
    model = _model(model_label, refs)
    key = model._meta.pk
    rows = model._base_manager.filter(pk=_Pair("id", key)).order_by()
    rows, columns = with_facts(rows, refs, _Pair("at", DateTimeField()), select=True)
    names = [columns[ref].name for ref in refs]
    inner, params = rows.values_list(*names).query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    key_type = key.cast_db_type(connections[DEFAULT_DB_ALIAS])
    outer = ", ".join(f'careops_row."{name}"' for name in names)
    sql = _BATCH % {"outer": outer, "key_type": key_type, "inner": inner}
    return _Statement(asked, sql, tuple(params))


def _read(refs: Sequence[FactRef], row: Sequence[Any]) -> Values:
    return {
        ref: canonical(ValueKind.NUMBER, value) if isinstance(value, Decimal) else value
        for ref, value in zip(refs, row, strict=True)
    }
