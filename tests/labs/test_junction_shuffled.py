"""However the lab cuts, repeats and shuffles what it says: the order ends in the same place and nothing is told twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.modalities import ON_SITE_COLLECTION
from labs.models import LabOrder
from tests.factories.labs import STATUSES, LabOrderFactory, status
from tests.labs.helpers import junction_notices, names, told
from tests.labs.test_junction import interpret

#: What a lab may say: our statuses, the other spelling of one, and words that nobody knows.
SAID = [
    *STATUSES,
    "collecting_sample.on_site_collection.draw_completed",
    "received.on_site_collection.teleported",
    "completed.testkit.completed",
    "gibberish",
]


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What happened, with ids that say nothing about the sequence, a status perhaps more than once."""
    statuses = draw(st.lists(st.sampled_from(SAID), min_size=1, max_size=10))
    ids = draw(st.permutations(range(1, len(statuses) + 1)))
    hours = draw(st.lists(st.integers(0, 23), min_size=len(statuses), max_size=len(statuses)))
    return [
        {"id": number, "created_at": f"2026-03-02T{hour:02}:00:00Z", "status": name}
        for number, hour, name in zip(ids, hours, statuses, strict=True)
    ]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """A history, and messages that together say all of it: any pieces, any sequence, any repetition."""
    history = draw(histories())
    pieces = draw(st.lists(st.lists(st.sampled_from(history), max_size=len(history)), max_size=4))
    rest = draw(st.permutations(history))
    cut = draw(st.integers(0, len(rest)))
    return history, draw(st.permutations([*pieces, rest[:cut], rest[cut:]]))


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(deliveries())
def test_any_delivery_of_a_history_has_the_same_outcome(delivery: Any) -> None:
    history, messages = delivery
    order = LabOrderFactory()
    order.external_id = str(order.pk)
    order.save()

    for message in messages:
        interpret({"id": order.external_id, "events": message})

    order = LabOrder.objects.get(pk=order.pk)
    known = [found for said in history if (found := ON_SITE_COLLECTION.status(said["status"]))]
    highest = max([ON_SITE_COLLECTION.first, *known], key=lambda found: found.rank)
    assert order.state == highest.name
    assert set(order.history.values_list("key", "status")) == {(str(s["id"]), s["status"]) for s in history}
    assert order.history.count() == len(history)
    assert_told_once_and_upwards(order)

    before = names(order)
    for message in reversed(messages):
        assert interpret({"id": order.external_id, "events": message})["recorded"] == 0
    assert names(order) == before


def assert_told_once_and_upwards(order: LabOrder) -> None:
    """Each status at most once, each from where the last one led, and the last one led to where the order is."""
    moves = [(name, data) for name, data in told(order) if "from" in data]
    assert len({name for name, _data in moves}) == len(moves)
    path = [status("ordered"), *[data["to"] for _name, data in moves]]
    assert [data["from"] for _name, data in moves] == path[:-1]
    assert path[-1] == order.state
    silent = sum(name == "lab_order.partial_results" for name, _data in moves)
    assert junction_notices(order) == [
        "labtest.order.created",
        *["labtest.order.updated"] * (len(moves) - silent),
    ]
