"""The tables of statuses: what ranks where, and what a further modality would cost."""

from __future__ import annotations

import pytest

from labs.modalities import (
    MODALITIES,
    ON_SITE_COLLECTION,
    Modality,
    Status,
    modality_of,
    named,
    open_statuses,
    words,
)
from tests.factories.labs import STATUSES, status


def low(statuses: list[Status]) -> set[str]:
    return {status.words.low for status in statuses}


def test_on_site_collection_has_exactly_the_statuses_of_the_source() -> None:
    assert {status.name for status in ON_SITE_COLLECTION.statuses} == set(STATUSES)
    assert list(MODALITIES) == ["on_site_collection"]


def test_a_status_is_three_words() -> None:
    assert words("sample_with_lab.on_site_collection.draw_completed") == (
        "sample_with_lab",
        "on_site_collection",
        "draw_completed",
    )
    with pytest.raises(ValueError, match="unpack"):
        words("completed")


def test_ranks_rise_from_the_order_to_the_corrected_results() -> None:
    assert [(status.rank, status.words.low) for status in ON_SITE_COLLECTION.statuses] == [
        (10, "ordered"),
        (20, "requisition_created"),
        (30, "requisition_bypassed"),
        (40, "draw_completed"),
        (50, "cancelled"),
        (60, "partial_results"),
        (70, "sample_error"),
        (80, "completed"),
        (90, "corrected"),
    ]


def test_cancelling_is_possible_exactly_from_the_statuses_the_source_names() -> None:
    cancelled = ON_SITE_COLLECTION.status(status("cancelled"))
    allowed = {"ordered", "requisition_created", "requisition_bypassed", "draw_completed"}
    assert low(ON_SITE_COLLECTION.below(cancelled)) == allowed
    assert low(ON_SITE_COLLECTION.before(cancelled)) == allowed


def test_people_never_reach_a_status_that_the_lab_could_not() -> None:
    for reached in ON_SITE_COLLECTION.statuses:
        assert low(ON_SITE_COLLECTION.before(reached)) <= low(ON_SITE_COLLECTION.below(reached))


def test_the_other_spelling_of_a_drawn_sample_means_the_same() -> None:
    drawn = ON_SITE_COLLECTION.status("collecting_sample.on_site_collection.draw_completed")
    assert drawn.name == "sample_with_lab.on_site_collection.draw_completed"
    assert ON_SITE_COLLECTION.status("received.on_site_collection.teleported") is None
    assert ON_SITE_COLLECTION.status("completed.testkit.completed") is None


def test_orders_under_way_are_those_that_may_still_bring_results() -> None:
    assert {words(name).low for name in open_statuses()} == {
        "ordered",
        "requisition_created",
        "requisition_bypassed",
        "draw_completed",
        "partial_results",
    }


def test_names_and_tables_are_found_by_their_words() -> None:
    assert named("completed") == ["completed.on_site_collection.completed"]
    assert modality_of(status("ordered")) is ON_SITE_COLLECTION
    with pytest.raises(KeyError):
        modality_of("received.testkit.ordered")


def test_another_modality_is_one_more_table() -> None:
    testkit = Modality(
        name="testkit",
        label="Test kit",
        statuses=(
            Status(name="received.testkit.ordered", rank=10, label="ordered"),
            Status(name="cancelled.testkit.cancelled", rank=20, label="", move="cancel", after=("ordered",)),
            Status(name="collecting_sample.testkit.with_customer", rank=30, label="", move="hand_over"),
        ),
    )
    cancelled = testkit.status("cancelled.testkit.cancelled")
    assert testkit.first.name == "received.testkit.ordered"
    assert low(testkit.below(cancelled)) == low(testkit.before(cancelled)) == {"ordered"}
