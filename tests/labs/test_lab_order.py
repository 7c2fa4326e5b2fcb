"""The machine of a lab order: what leads where, for the lab's word and for people, and what each move tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from careops.access.actor import Actor
from careops.access.models import User
from labs.models import LabOrder
from tests.factories.labs import STATUSES, LabOrderFactory, RequisitionFactory, status
from tests.labs.helpers import junction_notices, names, told
from workflows.catalogue import IllegalTransition, NotPermitted, events
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

BEFORE_DRAW = "ordered requisition_created requisition_bypassed"
BEFORE_RESULTS = f"{BEFORE_DRAW} draw_completed"

#: Move → where it leads, from where people may make it, from where the lab's word may, what it needs; by hand.
MOVES: dict[str, tuple[str, str, str, str]] = {
    "create_requisition": ("requisition_created", "ordered", "ordered", "labs.order_laborder"),
    "bypass_requisition": (
        "requisition_bypassed",
        "ordered",
        "ordered requisition_created",
        "labs.order_laborder",
    ),
    "complete_draw": (
        "draw_completed",
        "requisition_created requisition_bypassed",
        BEFORE_DRAW,
        "labs.draw_laborder",
    ),
    "cancel": ("cancelled", BEFORE_RESULTS, BEFORE_RESULTS, "labs.cancel_laborder"),
    "receive_partial_results": (
        "partial_results",
        "draw_completed",
        f"{BEFORE_RESULTS} cancelled",
        "labs.add_result",
    ),
    "fail_sample": (
        "sample_error",
        "draw_completed partial_results",
        f"{BEFORE_RESULTS} cancelled partial_results",
        "labs.draw_laborder",
    ),
    "complete": (
        "completed",
        "draw_completed partial_results",
        f"{BEFORE_RESULTS} cancelled partial_results sample_error",
        "labs.finalise_report",
    ),
    "correct": (
        "corrected",
        "completed",
        f"{BEFORE_RESULTS} cancelled partial_results sample_error completed",
        "labs.correct_report",
    ),
}


def low(name: str) -> str:
    return name.rpartition(".")[2]


def test_the_table_above_names_every_move() -> None:
    assert set(LabOrder.moves()) == set(MOVES)
    assert set(LabOrder.states()) == set(STATUSES)


@pytest.mark.parametrize("state", [low(name) for name in STATUSES])
@pytest.mark.parametrize("move", MOVES)
def test_the_labs_word_may_skip_statuses_but_never_go_back(move: str, state: str, system: Actor) -> None:
    target, _people, lab, _needs = MOVES[move]
    order = LabOrderFactory(at=state)
    if state not in lab.split():
        with pytest.raises(IllegalTransition):
            order.perform(move, by=system)
        assert names(order) == ["lab_order.ordered"]
        return
    moved = order.perform(move, by=system)
    assert moved.state == status(target)
    assert told(order)[1:] == [(f"lab_order.{target}", {"from": status(state), "to": status(target)})]


@pytest.mark.parametrize("state", [low(name) for name in STATUSES])
@pytest.mark.parametrize("move", MOVES)
def test_people_and_automations_go_step_by_step(move: str, state: str, root: User) -> None:
    target, people, _lab, needs = MOVES[move]
    for actor in (Actor.of(root), Actor.automation("a", frozenset({needs}))):
        order = LabOrderFactory(at=state)
        if state in people.split():
            assert order.perform(move, by=actor).state == status(target)
        else:
            with pytest.raises(IllegalTransition):
                order.perform(move, by=actor)


@pytest.mark.parametrize("move", MOVES)
def test_each_move_needs_the_permission_it_names(move: str, nia: User) -> None:
    _target, people, _lab, needs = MOVES[move]
    order = LabOrderFactory(at=people.split()[0])
    assert LabOrder.move(move).needs == needs
    with pytest.raises(NotPermitted):
        order.perform(move, by=Actor.of(nia))
    assert names(order) == ["lab_order.ordered"]


def test_too_late_to_cancel_says_what_is_possible_instead(omar: User) -> None:
    order = LabOrderFactory(at="completed")
    with pytest.raises(IllegalTransition) as refusal:
        order.perform("cancel", by=Actor.of(omar), reason="Too late")
    assert (refusal.value.name, refusal.value.state) == ("cancel", status("completed"))


def test_the_five_statuses_are_five_events_of_which_four_are_webhooks(system: Actor) -> None:
    order = LabOrderFactory()
    for move in ("create_requisition", "complete_draw", "receive_partial_results", "complete"):
        order = order.perform(move, by=system)
    assert names(order) == [
        "lab_order.ordered",
        "lab_order.requisition_created",
        "lab_order.draw_completed",
        "lab_order.partial_results",
        "lab_order.completed",
    ]
    assert junction_notices(order) == ["labtest.order.created", *["labtest.order.updated"] * 3]


@pytest.mark.parametrize("name", STATUSES)
def test_every_status_string_names_exactly_its_event(name: str) -> None:
    assert [event.name for event in events.named(name)] == [f"lab_order.{low(name)}"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("labtest.order.created", {"ordered"}),
        ("labtest.order.updated", {low(name) for name in STATUSES} - {"ordered", "partial_results"}),
        ("LAB_ORDER_CREATED", {"ordered"}),
        ("LAB_ORDER_UPDATED", {low(name) for name in STATUSES} - {"ordered"} | {"updated"}),
    ],
)
def test_a_shared_name_spans_exactly_its_events(name: str, expected: set[str]) -> None:
    assert {event.name for event in events.named(name)} == {f"lab_order.{word}" for word in expected}


def test_the_event_bears_the_labs_own_time_and_the_patient(system: Actor) -> None:
    order = LabOrderFactory()
    drawn_at = datetime(2026, 3, 3, 8, 15, tzinfo=UTC)
    order.perform("complete_draw", by=system, occurred_at=drawn_at)
    event = EventRecord.objects.get(name="lab_order.draw_completed")
    assert (event.occurred_at, event.patient_id) == (drawn_at, order.patient_id)
    assert event.recorded_at > drawn_at


def test_an_edit_is_told_without_its_content() -> None:
    order = LabOrderFactory()
    order.notes = "Fasting"
    order.save()
    assert told(order)[1:] == [("lab_order.updated", {"changed": ["notes"]})]


# ── Its requisition follows, in the same transaction ──────────────────────────────────────────────────────────
def test_creating_the_requisition_makes_and_issues_it(omar: User) -> None:
    order = LabOrderFactory().perform("create_requisition", by=Actor.of(omar))
    requisition = order.requisitions.get()
    assert (requisition.state, requisition.patient_id) == ("issued", order.patient_id)
    assert names(requisition) == ["requisition.created", "requisition.issued"]
    by = EventRecord.objects.filter(subject_id__in=[order.pk, requisition.pk]).exclude(
        name="lab_order.ordered"
    )
    assert set(by.values_list("actor_kind", "actor_id")) == {("staff", str(omar.pk))}


@pytest.mark.parametrize(
    ("move", "requisition_ends"),
    [
        ("complete", "fulfilled"),
        ("correct", "fulfilled"),
        ("cancel", "cancelled"),
        ("fail_sample", "cancelled"),
        ("bypass_requisition", "cancelled"),
    ],
)
def test_no_requisition_stays_open_behind_a_closed_order(
    move: str, requisition_ends: str, system: Actor
) -> None:
    order = LabOrderFactory().perform("create_requisition", by=system)
    order.perform(move, by=system)
    requisition = order.requisitions.get()
    assert requisition.state == requisition_ends
    assert names(requisition)[2:] == [f"requisition.{requisition_ends}"]


def test_an_order_that_cannot_move_leaves_its_requisition_alone(system: Actor) -> None:
    order = LabOrderFactory(at="completed")
    requisition = RequisitionFactory(order=order)
    with pytest.raises(IllegalTransition):
        order.perform("cancel", by=system)
    requisition.refresh_from_db()
    assert requisition.state == "created"


def test_the_reason_is_kept_on_the_order_and_not_in_the_event(omar: User) -> None:
    order = LabOrderFactory().perform("cancel", by=Actor.of(omar), reason="Patient is pregnant")
    assert order.reason == "Patient is pregnant"
    assert told(order)[-1][1] == {"from": status("ordered"), "to": status("cancelled")}


# ── What the database itself refuses ──────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "fields", [{"state": "received.testkit.ordered"}, {"external_id": "theirs"}, {"origin": "run:1:order"}]
)
def test_the_database_refuses_a_strange_status_and_a_second_order_of_the_same_id(
    fields: dict[str, Any],
) -> None:
    LabOrderFactory(external_id="theirs", origin="run:1:order")
    with pytest.raises(IntegrityError), transaction.atomic():
        LabOrderFactory(**fields)


def test_a_lab_order_is_named_without_saying_whose_it_is() -> None:
    order = LabOrderFactory()
    assert str(order) == f"Lab order {str(order.pk)[-8:]}"
    assert (order.words.high, order.words.low, order.modality.name) == (
        "received",
        "ordered",
        "on_site_collection",
    )
