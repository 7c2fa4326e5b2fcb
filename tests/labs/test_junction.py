"""Junction's messages: what they do to the lab order, and everything they must not do."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from labs.models import LabOrder, LabOrderStatus
from labs.services import junction
from patients.models import Patient
from tests.factories.labs import LabOrderFactory, status
from tests.labs.helpers import fixture, junction_notices, names
from workflows.catalogue import Malformed, Unmatched, inbound_sources
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

THEIRS = "0c1f6a52-7f43-4c4e-9a55-3d6c5f0e7a11"
WALK = ["requisition_created", "draw_completed", "partial_results", "completed"]


@pytest.fixture
def message() -> dict[str, Any]:
    """The whole history of a completed order, in Junction's envelope."""
    return fixture("order_updated")


def saying(*lows: str, **fields: Any) -> dict[str, Any]:
    """A bare message about THEIRS with these statuses, numbered and timed in this sequence."""
    events = [
        {"id": number, "created_at": f"2026-03-02T{number:02}:00:00Z", "status": status(low)}
        for number, low in enumerate(lows, 1)
    ]
    return {"id": THEIRS, "events": events, **fields}


def interpret(body: Any, resolved_to: Any = None) -> Any:
    """As the drain does: in one transaction."""
    with transaction.atomic():
        return inbound_sources.get("junction").interpret(body, resolved_to)


# ── What a message does ───────────────────────────────────────────────────────────────────────────────────────
def test_a_whole_history_walks_the_order_through_its_five_statuses(message: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    outcome = interpret(message)
    order.refresh_from_db()
    assert outcome == {
        "lab_order": str(order.pk),
        "state": "completed.on_site_collection.completed",
        "recorded": 5,
        "applied": [status(low) for low in WALK],
    }
    assert (order.state, order.sample_id) == ("completed.on_site_collection.completed", "700100200")
    assert names(order) == ["lab_order.ordered", "lab_order.updated", *[f"lab_order.{low}" for low in WALK]]
    assert junction_notices(order) == ["labtest.order.created", *["labtest.order.updated"] * 3]


def test_the_history_keeps_what_was_sent_with_the_labs_ids_and_times(message: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(message)
    rows = order.history.values_list("key", "status", "occurred_at", "rank", "applied")
    assert list(rows) == [
        ("501", status("ordered"), datetime(2026, 3, 2, 14, 0, tzinfo=UTC), 10, False),
        ("502", status("requisition_created"), datetime(2026, 3, 2, 14, 5, tzinfo=UTC), 20, True),
        ("5303", status("draw_completed"), datetime(2026, 3, 3, 8, 15, tzinfo=UTC), 40, True),
        ("504", status("partial_results"), datetime(2026, 3, 4, 16, 40, tzinfo=UTC), 60, True),
        ("505", status("completed"), datetime(2026, 3, 5, 9, 30, tzinfo=UTC), 80, True),
    ]
    told_at = EventRecord.objects.get(name="lab_order.completed").occurred_at
    assert told_at == datetime(2026, 3, 5, 9, 30, tzinfo=UTC)


def test_a_completed_orders_requisition_is_fulfilled(message: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(message)
    assert order.requisitions.get().state == "fulfilled"


def test_the_same_message_again_changes_nothing(message: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(message)
    before = (
        list(order.history.values()),
        list(EventRecord.objects.values()),
        LabOrder.objects.values().get(),
    )
    assert interpret(message)["recorded"] == 0
    after = (
        list(order.history.values()),
        list(EventRecord.objects.values()),
        LabOrder.objects.values().get(),
    )
    assert after == before


def test_a_status_that_comes_late_is_written_down_and_told_nobody(message: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    late = copy.deepcopy(message)
    late["data"]["events"] = message["data"]["events"][1:3]
    message["data"]["events"] = message["data"]["events"][4:]
    interpret(message)
    told = names(order)
    outcome = interpret(late)
    order.refresh_from_db()
    assert (outcome["recorded"], outcome["applied"], order.state) == (2, [], status("completed"))
    assert names(order) == told == ["lab_order.ordered", "lab_order.updated", "lab_order.completed"]


def test_within_a_message_the_rank_decides_even_against_the_labs_clock() -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(saying("completed", "draw_completed", "requisition_created"))
    assert names(order)[1:] == [
        "lab_order.requisition_created",
        "lab_order.draw_completed",
        "lab_order.completed",
    ]


def test_further_partial_results_are_history_and_no_news() -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(saying("ordered", "draw_completed", "partial_results", "partial_results", "partial_results"))
    assert order.history.filter(status=status("partial_results")).count() == 3
    assert names(order) == ["lab_order.ordered", "lab_order.draw_completed", "lab_order.partial_results"]


def test_a_status_nobody_knows_yet_is_kept_and_harms_nothing() -> None:
    order = LabOrderFactory(external_id=THEIRS)
    body = saying("ordered", "draw_completed")
    body["events"][0]["status"] = "received.on_site_collection.teleported"
    outcome = interpret(body)
    assert outcome["applied"] == [status("draw_completed")]
    unknown = order.history.get(status="received.on_site_collection.teleported")
    assert (unknown.rank, unknown.applied) == (None, False)


def test_the_other_spelling_moves_the_order_and_is_kept_as_sent() -> None:
    order = LabOrderFactory(external_id=THEIRS)
    body = saying("draw_completed")
    body["events"][0]["status"] = "collecting_sample.on_site_collection.draw_completed"
    interpret(body)
    order.refresh_from_db()
    assert order.state == "sample_with_lab.on_site_collection.draw_completed"
    assert order.history.get().status == "collecting_sample.on_site_collection.draw_completed"


def test_results_that_come_after_a_cancellation_do_not_vanish() -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(saying("ordered", "cancelled"))
    interpret(saying("ordered", "cancelled", "completed"))
    order.refresh_from_db()
    assert order.state == status("completed")


def test_a_status_without_an_id_is_known_again_by_its_words_and_time() -> None:
    order = LabOrderFactory(external_id=THEIRS)
    body = saying("draw_completed")
    del body["events"][0]["id"]
    interpret(body)
    body["events"][0]["created_at"] = "2026-03-02T02:00:00+01:00"  # the same moment
    assert interpret(body)["recorded"] == 0
    assert order.history.get().key == f"{status('draw_completed')} 2026-03-02T01:00:00+00:00"


def test_the_lab_goes_on_where_people_have_been(system: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS).perform("create_requisition", by=system)
    interpret(saying("ordered", "requisition_created", "draw_completed"))
    assert names(order)[1:] == ["lab_order.requisition_created", "lab_order.draw_completed"]


def test_a_sample_id_is_filled_in_once() -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(saying(sample_id="700100200"))
    interpret(saying(sample_id="999"))
    interpret(saying(sample_id=None))
    order.refresh_from_db()
    assert order.sample_id == "700100200"


# ── Whose order it is ─────────────────────────────────────────────────────────────────────────────────────────
def test_a_message_about_an_unknown_order_is_for_people_to_match_and_invents_nothing(message: Any) -> None:
    LabOrderFactory()
    patients = Patient.objects.count()
    with pytest.raises(Unmatched) as unmatched:
        interpret(message)
    assert unmatched.value.reference == THEIRS
    assert (LabOrder.objects.count(), Patient.objects.count()) == (1, patients)
    assert not LabOrderStatus.objects.exists()


def test_the_order_a_person_chose_is_bound_and_found_by_itself_from_then_on() -> None:
    bare = fixture("order_created_bare")
    order = LabOrderFactory()
    outcome = interpret(bare, order)
    order.refresh_from_db()
    assert outcome["lab_order"] == str(order.pk)
    assert (order.external_id, order.sample_id) == (bare["id"], "700100201")
    assert interpret(bare) == {**outcome, "recorded": 0}
    assert names(order) == ["lab_order.ordered", "lab_order.updated"]


def test_an_order_known_by_another_id_is_never_bound_again(message: Any) -> None:
    order = LabOrderFactory(external_id="another-of-theirs")
    with pytest.raises(Unmatched, match="known to the lab by another id"):
        interpret(message, order)
    order.refresh_from_db()
    assert (order.external_id, order.state) == ("another-of-theirs", status("ordered"))


def test_the_labs_own_id_outweighs_what_a_person_chose(message: Any) -> None:
    known, chosen = LabOrderFactory(external_id=THEIRS), LabOrderFactory()
    assert interpret(message, chosen)["lab_order"] == str(known.pk)
    chosen.refresh_from_db()
    assert (chosen.external_id, chosen.state) == ("", status("ordered"))


def test_people_choose_among_the_orders_the_lab_has_no_id_for(message: Any) -> None:
    first, second = LabOrderFactory(), LabOrderFactory()
    LabOrderFactory(external_id="another-of-theirs")
    assert list(junction.candidates(message)) == [second, first]


# ── Messages that are not what they should be ─────────────────────────────────────────────────────────────────
def test_other_news_of_the_lab_is_left_alone(message: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    for event_type in ("labtest.appointment.updated", "labtest.result.critical", ["nonsense"]):
        assert interpret({**message, "event_type": event_type}) == {"ignored": "not about a lab order"}
    assert names(order) == ["lab_order.ordered"]


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        ((), "text", "body: an object is needed."),
        ((), [], "body: an object is needed."),
        (("data",), None, "data: an object is needed."),
        (("data", "id"), None, "data.id: a text of 1 to 100 printable characters is needed."),
        (("data", "id"), "", "data.id: a text of 1 to 100 printable characters is needed."),
        (("data", "id"), 7, "data.id: a text of 1 to 100 printable characters is needed."),
        (
            ("data", "sample_id"),
            "7\x00",
            "data.sample_id: a text of 1 to 100 printable characters is needed.",
        ),
        (("data", "events"), None, "data.events: a list is needed."),
        (("data", "events"), {}, "data.events: a list is needed."),
        (("data", "events", 2), "drawn", "data.events[2]: an object is needed."),
        (
            ("data", "events", 2, "status"),
            "s" * 101,
            "data.events[2].status: a text of 1 to 100 printable characters is needed.",
        ),
        (
            ("data", "events", 2, "id"),
            True,
            "data.events[2].id: a text of 1 to 100 printable characters is needed.",
        ),
        (
            ("data", "events", 4, "created_at"),
            "yesterday",
            "data.events[4].created_at: a moment with its offset from UTC is needed.",
        ),
        (
            ("data", "events", 4, "created_at"),
            "2026-03-05T09:30:00",
            "data.events[4].created_at: a moment with its offset from UTC is needed.",
        ),
        (
            ("data", "events", 4, "created_at"),
            "2026-02-30T09:30:00Z",
            "data.events[4].created_at: a moment with its offset from UTC is needed.",
        ),
    ],
)
def test_a_malformed_message_changes_nothing_and_the_complaint_quotes_nothing(
    place: tuple[Any, ...], value: Any, complaint: str, message: Any
) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    with pytest.raises(Malformed) as malformed:
        interpret(put(message, place, value))
    assert str(malformed.value) == complaint
    assert names(order) == ["lab_order.ordered"]
    assert not LabOrderStatus.objects.exists()


def put(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The body with another value at that place."""
    if not place:
        return value
    step, *rest = place
    body[step] = put(body[step], tuple(rest), value)
    return body


def test_fields_nobody_has_heard_of_are_no_reason_to_complain(message: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    message["data"] |= {"origin": "redraw", "order_transaction": {"id": "t", "orders": []}}
    message["data"]["events"][0]["status_detail"] = "sample_hemolyzed"
    interpret(message)
    order.refresh_from_db()
    assert order.state == status("completed")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"id": THEIRS}, THEIRS),
        ({"event_type": "labtest.order.updated", "data": {"id": THEIRS}}, THEIRS),
        ({"data": None}, ""),
        ({"id": 5}, ""),
        ([], ""),
        ("", ""),
    ],
)
def test_the_reference_is_the_labs_id_or_nothing(body: Any, expected: str) -> None:
    assert junction.reference(body) == expected


# ── Two messages at once ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
def test_two_messages_about_one_order_cannot_interleave() -> None:
    orders = [LabOrderFactory(external_id=f"{THEIRS}-{number}") for number in range(20)]
    start = threading.Barrier(2, timeout=30)

    def hear(lows: tuple[str, ...]) -> None:
        try:
            for number in range(len(orders)):
                start.wait()
                interpret(saying(*lows, id=f"{THEIRS}-{number}"))
        finally:
            connection.close()

    whole = ("ordered", *WALK)
    with ThreadPoolExecutor(2) as threads:
        for heard in [threads.submit(hear, lows) for lows in (whole, whole[:3])]:
            heard.result()

    for order in orders:
        order.refresh_from_db()
        assert order.state == status("completed")
        assert order.history.count() == 5
        assert names(order) == ["lab_order.ordered", *[f"lab_order.{low}" for low in WALK]]
