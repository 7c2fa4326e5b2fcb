"""How a lab order proceeds: one table per modality, the way the sample is taken.

A status is written ``high.modality.low``, spelled exactly as Junction spells it (seeds.md §5.1, §5.2).
Messages arrive in any order, skip statuses and repeat themselves (seeds.md §5.5), so a status has a rank and
an order only ever rises: whatever arrives first, it ends at the highest status the lab has named. The rank of
*cancelled* is therefore also the rule of what may still be cancelled (seeds.md §5.4): what lies below it.

People go step by step (``after``); only the lab's word may skip. Another modality is one more table here,
plus a transition and an event for each low-level word that is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

#: The high-level words of orders whose end is still to come (seeds.md §5.1).
UNDER_WAY = frozenset({"received", "collecting_sample", "sample_with_lab"})


class Words(NamedTuple):
    """The three words of a status: the order as a whole, how the sample is taken, what exactly happened."""

    high: str
    modality: str
    low: str


def words(status: str) -> Words:
    """Raises ValueError for a string that is not of the form ``high.modality.low``."""
    high, modality, low = status.split(".")
    return Words(high, modality, low)


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """One status. ``move`` is the transition that leads to it, "" for the one an order is born with.

    ``after`` holds the low-level words of the statuses from which people may bring an order here.
    """

    name: str
    rank: int
    label: Any
    move: str = ""
    after: tuple[str, ...] = ()

    @property
    def words(self) -> Words:
        return words(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Modality:
    """A way of taking the sample. ``spellings`` maps other spellings of its statuses, as sent, to ours."""

    name: str
    label: Any
    statuses: tuple[Status, ...]
    spellings: Mapping[str, str] = field(default_factory=dict)

    @property
    def first(self) -> Status:
        return self.statuses[0]

    def status(self, sent: str) -> Status | None:
        """The status a lab means by this string; None for one we do not know."""
        name = self.spellings.get(sent, sent)
        return next((status for status in self.statuses if status.name == name), None)

    def below(self, status: Status) -> list[Status]:
        """From where the lab's word may bring an order to this status."""
        return [other for other in self.statuses if other.rank < status.rank]

    def before(self, status: Status) -> list[Status]:
        """From where people may bring an order to this status."""
        return [other for other in self.statuses if other.words.low in status.after]


# seeds.md §5.2 lists the statuses, §5.4 the cancelling rule. Inferred: the arrows (§5.3 has no drawing for
# on-site), that a bypassed requisition outranks a created one, and that results outrank a cancellation or a
# sample error which the lab reported before them: results must never vanish.
ON_SITE_COLLECTION = Modality(
    name="on_site_collection",
    label=_("on-site collection"),
    statuses=(
        Status(name="received.on_site_collection.ordered", rank=10, label=_("ordered")),
        Status(
            name="received.on_site_collection.requisition_created",
            rank=20,
            label=_("requisition created"),
            move="create_requisition",
            after=("ordered",),
        ),
        Status(
            name="received.on_site_collection.requisition_bypassed",
            rank=30,
            label=_("requisition bypassed"),
            move="bypass_requisition",
            after=("ordered",),
        ),
        Status(
            name="sample_with_lab.on_site_collection.draw_completed",
            rank=40,
            label=_("sample drawn"),
            move="complete_draw",
            after=("requisition_created", "requisition_bypassed"),
        ),
        Status(
            name="cancelled.on_site_collection.cancelled",
            rank=50,
            label=_("cancelled"),
            move="cancel",
            after=("ordered", "requisition_created", "requisition_bypassed", "draw_completed"),
        ),
        Status(
            name="sample_with_lab.on_site_collection.partial_results",
            rank=60,
            label=_("partial results"),
            move="receive_partial_results",
            after=("draw_completed",),
        ),
        Status(
            name="failed.on_site_collection.sample_error",
            rank=70,
            label=_("sample error"),
            move="fail_sample",
            after=("draw_completed", "partial_results"),
        ),
        Status(
            name="completed.on_site_collection.completed",
            rank=80,
            label=_("completed"),
            move="complete",
            after=("draw_completed", "partial_results"),
        ),
        Status(
            name="completed.on_site_collection.corrected",
            rank=90,
            label=_("corrected"),
            move="correct",
            after=("completed",),
        ),
    ),
    # seeds.md §5.2, conflict (a): upstream's prose and its enum disagree about the first word.
    spellings={
        "collecting_sample.on_site_collection.draw_completed": (
            "sample_with_lab.on_site_collection.draw_completed"
        ),
    },
)

MODALITIES: Mapping[str, Modality] = {modality.name: modality for modality in (ON_SITE_COLLECTION,)}


def modality_of(status: str) -> Modality:
    """The table that one of our own statuses belongs to; any other string is a KeyError or a ValueError."""
    return MODALITIES[words(status).modality]


def all_statuses() -> list[Status]:
    return [status for modality in MODALITIES.values() for status in modality.statuses]


def status_choices() -> list[tuple[str, Any]]:
    return [(status.name, status.label) for status in all_statuses()]


def modality_choices() -> list[tuple[str, Any]]:
    return [(modality.name, modality.label) for modality in MODALITIES.values()]


def open_statuses() -> list[str]:
    """The statuses of orders that are under way."""
    return [status.name for status in all_statuses() if status.words.high in UNDER_WAY]


def named(low: str) -> list[str]:
    """The status strings of every modality that end in this low-level word."""
    return [status.name for status in all_statuses() if status.words.low == low]


def reached_by(move: str) -> Iterator[tuple[Modality, Status]]:
    """Where a transition leads, in each modality that has it."""
    for modality in MODALITIES.values():
        for status in modality.statuses:
            if status.move == move:
                yield modality, status
