"""Moments as the database sends them, read by ``datetime`` itself: a list holds hundreds of them.

psycopg's C reader is not open to Django, which wants the zone to be named; the one Django made of psycopg's Python reader
takes five times as long.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.backends.postgresql.psycopg_any import BaseTzLoader


def read_moments(connection: Any, **kwargs: Any) -> None:
    """Django's call for each new connection."""

    class Loader(BaseTzLoader):  # type: ignore[misc]  # unknown to the stubs
        timezone = (
            connection.timezone
        )  # Django compares it and would put its own reader in place of another zone's

        def load(self, data: Any) -> datetime:
            try:
                return datetime.fromisoformat(str(data, "ascii")).astimezone(self.timezone)
            except ValueError:  # before Christ, after the year 9999, infinity: told in psycopg's words
                moment: datetime = super().load(data)
                return moment

    connection.connection.adapters.register_loader("timestamptz", Loader)
