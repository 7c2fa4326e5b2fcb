"""Telling a connection that is gone, which ends a drain's turn, from work that fails, which must not."""

from __future__ import annotations

import psycopg
from django.db import InterfaceError, OperationalError


def is_lost(error: Exception) -> bool:
    """The database cannot be reached or took a lock away: nothing is wrong with the work, it is tried again as it is.

    A statement that ran out of time is not lost: it would run out of time again.
    """
    timed_out = isinstance(error.__cause__, psycopg.errors.QueryCanceled)
    return isinstance(error, InterfaceError | OperationalError) and not timed_out
