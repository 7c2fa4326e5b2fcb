"""Moments arrive as the moments they are, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection, connections

pytestmark = pytest.mark.django_db


def ask(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}")
        return cursor.fetchone()[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27 18:28:41.142181+00", datetime(2026, 11, 27, 18, 28, 41, 142181, UTC)),
        ("2026-11-27 18:28:41.5+00", datetime(2026, 11, 27, 18, 28, 41, 500000, UTC)),
        ("2026-11-27 18:28:41+05:30", datetime(2026, 11, 27, 12, 58, 41, 0, UTC)),
        ("1900-01-01 00:00:00+00", datetime(1900, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999+00", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
    ],
)
def test_a_moment_is_read_to_the_microsecond(text, moment):
    read = ask(f"'{text}'::timestamptz")
    assert read == moment
    assert read.tzinfo is UTC


@pytest.mark.parametrize("text", ["infinity", "-infinity", "0044-03-15 BC", "10000-01-01 00:00:00+00"])
def test_what_no_datetime_can_hold_is_an_error_of_the_data(text):
    with pytest.raises(DataError, match="timestamp"):
        ask(f"'{text}'::timestamptz")


def test_a_list_of_moments_is_read_alike():
    assert ask("ARRAY['2026-01-02 00:00:00+00'::timestamptz, NULL]") == [
        datetime(2026, 1, 2, tzinfo=UTC),
        None,
    ]


def test_the_hour_that_comes_twice_is_told_apart_in_any_zone():
    alias = connections.create_connection("default")
    alias.settings_dict = {**alias.settings_dict, "TIME_ZONE": "Europe/Berlin"}
    try:
        with alias.cursor() as cursor:
            cursor.execute(
                "SELECT '2026-10-25 00:30:00+00'::timestamptz, '2026-10-25 01:30:00+00'::timestamptz"
            )
            read = [moment.astimezone(UTC) for moment in cursor.fetchone()]
    finally:
        alias.close()
    assert read == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]


def test_nothing_is_no_moment():
    assert ask("NULL::timestamptz") is None
