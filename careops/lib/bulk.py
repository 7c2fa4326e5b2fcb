"""Writing many rows at once: one statement for a batch, however many rows there are.

Django's ``bulk_create`` and ``bulk_update`` build a statement as long as the batch; here PostgreSQL reads the rows
from COPY, or from arrays. Signals, ``save()`` and events are the caller's business.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models
from django.db.models.expressions import DatabaseDefault

M = TypeVar("M", bound=models.Model)

#: Fields that store what they hold, and the types that are sent as they are; any other field or value converts itself.
PLAIN_FIELDS = frozenset({
    models.AutoField, models.BigAutoField, models.BigIntegerField, models.BooleanField, models.CharField,
    models.DateTimeField, models.ForeignKey, models.PositiveIntegerField, models.PositiveSmallIntegerField,
    models.TextField, models.UUIDField,
})  # fmt: skip
PLAIN_TYPES = frozenset({str, int, bool, datetime, UUID, type(None)})


def insert_many(rows: Sequence[models.Model]) -> None:
    """Insert the rows, which share a model, by COPY. Ids of the database's making are set on them; other values that
    the database chooses are not.

    Raises ImproperlyConfigured when the database shall choose a value for some of the rows only, and IntegrityError
    as an INSERT would.
    """
    if not rows:
        return
    options = rows[0]._meta
    number(rows)
    defaults = [field.attname for field in options.concrete_fields if field.has_db_default()]
    chosen = {name for name in defaults if _is_chosen(rows[0], name)}
    if any(_is_chosen(row, name) is not (name in chosen) for row in rows for name in defaults):
        raise ImproperlyConfigured(
            f"Of {options.label} rows, a default of the database is wanted for all or for none."
        )
    fields: list[Any] = [field for field in options.concrete_fields if field.attname not in chosen]
    copy_in(
        options.db_table,
        [field.column for field in fields],
        zip(*(_column(field, rows) for field in fields), strict=True),
    )
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def insert_if_new(row: models.Model, key: Sequence[str], *, then: str = "true") -> bool:
    """Insert the row unless there is one with the same values of these fields, which are unique together.

    True when it is new; only then is ``then``, an SQL expression, worked out, in the same statement. Signals are the
    caller's business. Raises IntegrityError for a row that breaks another rule.
    """
    quote = connection.ops.quote_name
    options: Any = row._meta
    number([row])
    fields: list[Any] = [field for field in options.concrete_fields if not _is_chosen(row, field.attname)]
    columns = ", ".join(quote(field.column) for field in fields)
    unique = ", ".join(quote(options.get_field(name).column) for name in key)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH kept AS (INSERT INTO {quote(options.db_table)} ({columns}) VALUES ({', '.join(['%s'] * len(fields))}) "  # noqa: S608  (all ours)
            f"ON CONFLICT ({unique}) DO NOTHING RETURNING 1) SELECT {then} FROM kept",
            [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields],
        )
        return cursor.fetchone() is not None


def copy_in(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY these values into the table. Raises IntegrityError as an INSERT would."""
    quote = connection.ops.quote_name
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.cursor.copy(f"COPY {quote(table)} ({', '.join(map(quote, columns))}) FROM STDIN") as copy,
    ):
        for values in rows:
            copy.write_row(values)


def update_many(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write these fields of all the rows, which share a model and are locked by the caller."""
    if not rows:
        return
    options: Any = rows[0]._meta
    quote = connection.ops.quote_name
    fields: list[Any] = [options.pk, *(options.get_field(name) for name in names)]
    columns = [_column(field, rows) for field in fields]
    # Most of a batch ends alike: what is the same for all of its rows is sent once.
    shared = [index for index, values in enumerate(columns) if index and _all_alike(values)]
    own = [index for index in range(len(fields)) if index not in shared]
    types = [type_of(field) for field in fields]
    changes = ", ".join(
        f"{quote(field.column)} = "
        + (f"%s::{types[index]}" if index in shared else f"new.{quote(field.column)}")
        for index, field in enumerate(fields)
        if index
    )
    arrays = ", ".join(f"%s::{types[index]}[]" for index in own)
    brought = ", ".join(quote(fields[index].column) for index in own)
    key = quote(options.pk.column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(options.db_table)} AS row SET {changes} "  # noqa: S608  (all ours)
            f"FROM unnest({arrays}) AS new({brought}) WHERE row.{key} = new.{key}",
            [*(columns[index][0] for index in shared), *(columns[index] for index in own)],
        )


def type_of(field: Any) -> str:
    """The column's type, to cast to. Without a length: a cast would cut off what the column refuses."""
    return re.sub(r"^varchar\(\d+\)", "varchar", field.rel_db_type(connection))


def _all_alike(values: Sequence[Any]) -> bool:
    first = values[0]
    return all(value is first or (type(value) is type(first) and value == first) for value in values)


def read_many(model: type[M], where: str, parameters: Sequence[Any]) -> list[M]:
    """The rows for which this SQL holds, as a queryset brings them.

    Django would compile the statement anew each time, which takes longer than reading a single row does.
    """
    options: Any = model._meta
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in options.concrete_fields)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {quote(options.db_table)} WHERE {where}", parameters)  # noqa: S608  (the caller's own)
        return made(model, options.concrete_fields, cursor.fetchall())


def made(model: type[M], fields: Sequence[Any], rows: Iterable[Sequence[Any]]) -> list[M]:
    """Objects from rows of these fields' columns."""
    names = [field.attname for field in fields]
    readers = [getattr(field, "from_db_value", None) for field in fields]
    return [
        model.from_db(
            connection.alias,
            names,
            [
                read(value, None, connection) if read else value
                for read, value in zip(readers, row, strict=True)
            ],
        )
        for row in rows
    ]


def number(*groups: Sequence[models.Model]) -> None:
    """Give the rows, of which each group shares a model, the ids they will be stored under: COPY tells none."""
    new = [row for rows in groups for row in rows if row.pk is None and _is_counted(row)]
    if not new:
        return
    counted = Counter(type(row) for row in new)  # in the order in which the models are met
    new.sort(key=lambda row: list(counted).index(type(row)))
    parts = ["SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"] * len(counted)
    asked: list[Any] = []
    for model, wanted in counted.items():
        asked += [connection.ops.quote_name(model._meta.db_table), model._meta.pk.column, wanted]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), asked)
        for row, (pk,) in zip(new, cursor.fetchall(), strict=True):
            row.pk = pk


def _is_counted(row: models.Model) -> bool:
    """Does the database count up its ids?"""
    return isinstance(row._meta.pk, models.AutoField | models.BigAutoField)


def _is_chosen(row: models.Model, name: str) -> bool:
    """Is this value left to the database?"""
    return isinstance(row.__dict__.get(name), DatabaseDefault)


def _column(field: Any, rows: Sequence[models.Model]) -> list[Any]:
    """What is sent of that field, row by row."""
    # Past the descriptors of foreign keys, which look each time whether a value has to be read first: these are there.
    values = [vars(row)[field.attname] for row in rows]
    if type(field) is models.JSONField and field.encoder is None:
        return _as_json(values)
    if type(field) in PLAIN_FIELDS:
        return [value if type(value) in PLAIN_TYPES else _prepared(field, value) for value in values]
    return [field.get_db_prep_save(value, connection) for value in values]


def _prepared(field: Any, value: Any) -> Any:
    # A choice, or text that is safe for HTML: psycopg wants nothing but text.
    return str.__str__(value) if isinstance(value, str) else field.get_db_prep_save(value, connection)


def _as_json(values: Sequence[Any]) -> list[str | None]:
    """Each object once: many rows share one, such as a step's parameters."""
    texts: dict[int, str | None] = {id(None): None}
    for value in values:
        if id(value) not in texts:
            texts[id(value)] = json.dumps(value)
    return [texts[id(value)] for value in values]
