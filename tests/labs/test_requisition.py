"""Requisitions: made for an order, issued, fulfilled or withdrawn, and one at a time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from careops.access.actor import Actor
from careops.access.models import User
from labs.models import Requisition
from tests.factories.labs import RequisitionFactory
from tests.labs.helpers import names, told
from workflows.catalogue import IllegalTransition, NotPermitted, events

pytestmark = pytest.mark.django_db

#: Move → where it may start, where it leads, what it needs; by hand.
MOVES: dict[str, tuple[str, str, str]] = {
    "issue": ("created", "issued", "labs.issue_requisition"),
    "fulfil": ("created issued", "fulfilled", "labs.fulfil_requisition"),
    "cancel": ("created issued", "cancelled", "labs.cancel_requisition"),
}


def test_the_table_above_names_every_move() -> None:
    assert set(Requisition.moves()) == set(MOVES)


@pytest.mark.parametrize("state", Requisition.State.values)
@pytest.mark.parametrize("move", MOVES)
def test_a_move_is_legal_exactly_where_it_is_declared(move: str, state: str, lena: User) -> None:
    sources, target, needs = MOVES[move]
    requisition = RequisitionFactory(state=state)
    assert Requisition.move(move).needs == needs
    if state in sources.split():
        assert requisition.perform(move, by=Actor.of(lena)).state == target
        assert told(requisition)[1:] == [(f"requisition.{target}", {"from": state, "to": target})]
    else:
        with pytest.raises(IllegalTransition):
            requisition.perform(move, by=Actor.of(lena))


@pytest.mark.parametrize("move", MOVES)
def test_a_clinician_leaves_requisitions_to_the_lab(move: str, omar: User) -> None:
    with pytest.raises(NotPermitted):
        RequisitionFactory().perform(move, by=Actor.of(omar))


def test_it_concerns_the_orders_patient_and_remembers_when_it_was_issued(system: Actor) -> None:
    requisition = RequisitionFactory()
    assert requisition.patient_id == requisition.order.patient_id
    assert told(requisition) == [("requisition.created", {"to": "created"})]
    assert events.get("requisition.created").names_in("careportals") == ("requisition.created",)
    issued_at = datetime(2026, 3, 2, 14, 5, tzinfo=UTC)
    assert requisition.perform("issue", by=system, occurred_at=issued_at).issued_at == issued_at


def test_an_edit_is_told() -> None:
    requisition = RequisitionFactory()
    requisition.number = "F-77"
    requisition.save()
    assert names(requisition) == ["requisition.created", "requisition.updated"]


def test_an_order_has_one_open_requisition_at_a_time(system: Actor) -> None:
    first = RequisitionFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        RequisitionFactory(order=first.order)
    first.perform("cancel", by=system)
    assert RequisitionFactory(order=first.order).state == "created"


def test_the_database_refuses_a_strange_state() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        RequisitionFactory(state="lost")
