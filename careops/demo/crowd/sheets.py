"""Rows on their way into a table: gathered in memory, written by COPY."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from django.db import connection
from django.db.models import Field, Model
from django.db.models.fields import NOT_PROVIDED

#: Batches that may wait to be written while the next one is made.
LOOK_AHEAD = 6

Rows = Sequence[tuple[Any, ...]]


class Copier:
    """Writes rows in a thread of its own, in the order they are handed over: making them takes as long as storing them.

    Nothing else may use the connection before ``finish``.
    """

    def __init__(self) -> None:
        connection.ensure_connection()
        self._connection = connection.connection  # Django's wrapper belongs to one thread, psycopg's to any
        self._pool = ThreadPoolExecutor(1)
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def copy(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Hand the rows over. Raises what went wrong with earlier ones."""
        names = ", ".join(f'"{column}"' for column in columns)
        self._under_way.append(self._pool.submit(self._write, f'COPY "{table}" ({names}) FROM STDIN', rows))
        while len(self._under_way) > LOOK_AHEAD:
            self._under_way.popleft().result()

    def _write(self, statement: str, rows: Rows) -> None:
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def finish(self) -> None:
        """Wait until all of it is written."""
        while self._under_way:
            self._under_way.popleft().result()


class Sheet:
    """Rows of one model. What a row does not name has the value that a new record has.

    Columns with a default of the database (numbers, clocks) are left to it unless ``named``.
    """

    def __init__(self, copier: Copier, model: type[Model], *named: str) -> None:
        self.copier = copier
        fields = [field for field in model._meta.concrete_fields if _is_ours(field) or field.column in named]
        self.table = model._meta.db_table
        self.columns = [field.column for field in fields]
        self._blank = {field.column: _blank(field) for field in fields}
        self._rows: list[tuple[Any, ...]] = []

    def add(self, **row: Any) -> None:
        """Raises ValueError for a name that is no column of this sheet."""
        filled = self._blank | row
        if len(filled) != len(self._blank):
            raise ValueError(
                f"{self.table} is given columns it does not have: {sorted(row.keys() - self._blank.keys())}."
            )
        self._rows.append(tuple(filled.values()))

    def write(self) -> None:
        """Hand over what was gathered, and start with an empty sheet again."""
        self.copier.copy(self.table, self.columns, self._rows)
        self._rows = []


def _is_ours(field: Field) -> bool:
    return field.db_default is NOT_PROVIDED and field.db_returning is False


def _blank(field: Field) -> Any:
    value = field.get_default() if field.db_default is NOT_PROVIDED else None
    return json.dumps(value) if isinstance(value, dict | list) else value


def in_batches(count: int, size: int = 5000) -> Iterator[range]:
    """``range(count)`` in pieces, each small enough to stay in memory."""
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
