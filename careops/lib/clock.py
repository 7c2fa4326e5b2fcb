"""CareOps' clock is the database's: one clock for every machine, and one that tests and the demo can move.

``careops_now()`` is the statement's time plus the session setting ``careops.shift`` (an interval, normally unset). Only
tests and the demo may set it; leases, due times and waits all follow it, so two weeks pass without anybody sleeping.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, Func

CREATE_CAREOPS_NOW = """
CREATE OR REPLACE FUNCTION careops_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT statement_timestamp() + coalesce(nullif(current_setting('careops.shift', true), '')::interval, interval '0')
$$
"""
DROP_CAREOPS_NOW = "DROP FUNCTION IF EXISTS careops_now()"

# What ALTER DATABASE … SET stored reaches new sessions only; a long-lived one in the demo asks for it again.
SYNC_SHIFT = """
SELECT set_config('careops.shift', coalesce((
  SELECT substr(entry, length('careops.shift=') + 1)
  FROM pg_db_role_setting, unnest(setconfig) AS entry
  WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND entry LIKE 'careops.shift=%%'
  LIMIT 1), ''), false)
"""


class Now(Func):
    """``careops_now()`` in a query or as a column's default. Use it instead of Django's own Now."""

    function = "careops_now"
    arity = 0
    output_field: ClassVar[Any] = DateTimeField()


class RealNow(Func):
    """The statement's real time, for leases and signs of life: travelling in time must not take work from anybody."""

    function = "statement_timestamp"
    arity = 0
    output_field: ClassVar[Any] = DateTimeField()


def now() -> datetime:
    """The moment by the database's clock, shifted where a test or the demo shifted it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT careops_now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def shift(by: timedelta) -> None:
    """Move this session's clock by that much from the real time; zero puts it right again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('careops.shift', %s, false)", [f"{by.total_seconds()} seconds"])


def shift_everyone(by: timedelta) -> None:
    """The demo's time travel: every session of this database moves to ``by`` from the real time.

    Raises RuntimeError outside the demo: a clinic's clock is never moved.
    """
    if not settings.DEMO:
        raise RuntimeError("Only the demo may travel in time.")
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {name} SET careops.shift = '{int(by.total_seconds())} seconds'")
    follow_demo()


def follow_demo() -> None:
    """In the demo, take over the shift that somebody set for everyone; elsewhere, do nothing."""
    if settings.DEMO:
        with connection.cursor() as cursor:
            cursor.execute(SYNC_SHIFT)


def current_shift() -> timedelta:
    """How far this session's clock stands from the real time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT careops_now() - statement_timestamp()")
        difference: timedelta = cursor.fetchone()[0]
    return difference
