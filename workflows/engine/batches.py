"""Working claimed rows off: a batch in one transaction, as large as fits; one that fails falls apart into ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from workflows.models import Queued
from workflows.models.lease import claim, release

log = logging.getLogger(__name__)


class Batches:
    """One process's batches of one queue.

    ``together`` works on rows, in a transaction, and returns those that did not fit the batch's time; ``alone`` works on
    one in transactions of its own, and sees to its failure.
    """

    def __init__(
        self,
        model: type[Queued],
        most: int,
        *,
        together: Callable[[Any], Sequence[Any]],
        alone: Callable[[Any], None],
    ) -> None:
        self.model, self.together, self.alone = model, together, alone
        self.most = self.limit = most

    def work(self, lane: str, worker: str, limit: int) -> int:
        """Work on the due rows of a lane. Returns how many were claimed."""
        rows = claim(self.model, lane, min(limit, self.limit), worker=worker)
        if len(rows) == 1:
            self.alone(rows[0])
        elif rows:
            self.carry_out(rows)
        return len(rows)

    def carry_out(self, rows: Sequence[Any]) -> None:
        """Work on rows that are claimed."""
        try:
            with transaction.atomic():
                left = self.together(rows)
        except Exception as error:  # noqa: BLE001  (whatever it is, each row finds out for itself whose it was)
            log.info(
                "A batch of %d %ss falls apart (%s).", len(rows), self.model.__name__, type(error).__name__
            )
            for row in rows:
                self.alone(row)
        else:
            release(self.model, left)
            self.learn(len(rows), len(left))

    def learn(self, claimed: int, left: int) -> None:
        """Take as many as lately fitted the batch's time. More would only be claimed and given back, and be worked on
        alone if the worker died."""
        self.limit = max(2, claimed - left) if left else min(2 * self.limit, self.most)
