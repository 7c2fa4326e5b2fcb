"""Take over what the lab says about an order: in whatever sequence, however often, in however many pieces.

Statuses have ranks and an order only rises (``labs.modalities``; reliability.md F4), so the same statuses end
in the same state however they arrive. A status of the same or a lower rank is written down and tells nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from careops.access.actor import Actor
from labs.modalities import Modality
from labs.models import LabOrder, LabOrderStatus
from workflows.catalogue.recording import on_behalf_of


@dataclass(frozen=True, slots=True)
class Told:
    """One status as the lab told it. ``external_id`` is the lab's id of it, "" where it has none."""

    status: str
    occurred_at: datetime
    external_id: str = ""

    @property
    def key(self) -> str:
        """What makes it the same status when it is told again (seeds.md §5.5: upsert by the event's id)."""
        return self.external_id or f"{self.status} {self.occurred_at.astimezone(UTC).isoformat()}"

    def rank(self, modality: Modality) -> int | None:
        status = modality.status(self.status)
        return status.rank if status else None


def hear(order: LabOrder, told: Sequence[Told]) -> list[LabOrderStatus]:
    """Write down what is new and move the order as far as it says. Returns the new rows.

    The caller holds the lock on the order's row, so that two messages about it cannot interleave.
    """
    modality = order.modality
    rows = []
    for news in sorted(_unheard(order, told), key=lambda news: (news.rank(modality) or 0, news.occurred_at)):
        status = modality.status(news.status)
        applied = status is not None and status.rank > order.rank
        if status is not None and applied:
            with on_behalf_of(Actor.system()):
                order.run_locked(status.move, occurred_at=news.occurred_at)
        rows.append(
            LabOrderStatus(
                order=order,
                status=news.status,
                key=news.key,
                occurred_at=news.occurred_at,
                rank=news.rank(modality),
                applied=applied,
            )
        )
    return LabOrderStatus.create_many(rows)


def _unheard(order: LabOrder, told: Sequence[Told]) -> list[Told]:
    """Each status once: the first telling of a key counts, also within one message."""
    known = set(order.history.values_list("key", flat=True))
    fresh: dict[str, Told] = {}
    for news in told:
        if news.key not in known:
            fresh.setdefault(news.key, news)
    return list(fresh.values())
