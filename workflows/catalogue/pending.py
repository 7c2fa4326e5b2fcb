"""The transaction a record was saved in: open, committed or rolled back. No query is needed to know."""

from __future__ import annotations

from typing import Self

from django.db import connections, transaction


class Pending:
    """It sits among the connection's calls on commit, because Django strikes those of what is rolled back.

    Saves under the same savepoints share one. Limits: a record that was only *read* in a transaction does not know that
    it was undone; a rollback by hand (``savepoint_rollback()``, SQL) is not seen; and a call on commit older than the
    save, or another thread, finds the record rolled back, which is a Conflict.
    """

    def __init__(self, using: str) -> None:
        self.using, self.committed = using, False

    @classmethod
    def now(cls, using: str | None = None) -> Self | None:
        """The one of the transaction in force; None outside any, where a save is committed at once."""
        connection = transaction.get_connection(using)
        if not connection.in_atomic_block:
            return None
        for savepoints, call, *_robust in connection.run_on_commit[-1:]:
            if isinstance(call, cls) and savepoints == set(connection.savepoint_ids):
                return call
        pending = cls(connection.alias)
        connection.on_commit(pending)
        return pending

    def __call__(self) -> None:
        """Django's call on commit."""
        self.committed = True

    def __deepcopy__(self, memo: object) -> Self:
        """A copy of the record was saved in the same transaction."""
        return self

    def rolled_back(self) -> bool:
        waiting = reversed(connections[self.using].run_on_commit)
        return not self.committed and all(entry[1] is not self for entry in waiting)
