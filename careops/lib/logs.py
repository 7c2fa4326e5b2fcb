"""How errors stand in the log, which carries ids and never a name or a finding."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from django import db


class WithoutRows(logging.Formatter):
    """Tells of an error of the database what went wrong and where, and nothing that stands in a row.

    PostgreSQL quotes rows under DETAIL, parameters under CONTEXT and the statement under LINE, below the first line of
    its message. Values may have line ends and these very words in them: all that stands below that line is left out.
    """

    def formatException(self, ei: Any) -> str:
        told = super().formatException(ei)
        for error in _behind(ei[1]):
            if isinstance(error, db.Error | psycopg.Error):
                told = told.replace(str(error), str(error).partition("\n")[0])
        return told


def _behind(error: BaseException | None) -> list[BaseException]:
    """The error and those it came of, all of which a traceback tells."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in found:
            found.append(each)
            waiting += [each.__cause__, each.__context__]
    return found
