"""Two people, one order, the same instant: nothing is done twice and nothing is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from django.db import connection, transaction

from careops.access.actor import Actor
from orders.models import Order
from orders.states import OrderState
from tests.factories.patients import PatientFactory
from workflows.catalogue import Conflict, IllegalTransition
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db(transaction=True)

PAIRS = 1_000
Act = Callable[[Order], object]


@pytest.fixture
def orders() -> list[Order]:
    patient = PatientFactory()
    return Order.create_many(
        [Order(patient=patient, state=OrderState.AWAITING_SHIPMENT, ship_phone="0") for _ in range(PAIRS)]
    )


def race(orders: Sequence[Order], one: Act, other: Act) -> list[tuple[Exception | None, Exception | None]]:
    """Both act on each order at the same instant, each on a connection of their own; what either ran into."""
    start = threading.Barrier(2, timeout=30)

    def runner(act: Act, outcomes: list[Exception | None]) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET synchronous_commit = off")  # what is raced for is a lock, not the disk
            for order in orders:
                start.wait()
                outcomes.append(attempt(act, order))
        finally:
            connection.close()

    results: tuple[list[Exception | None], list[Exception | None]] = ([], [])
    threads = [
        threading.Thread(target=runner, args=(act, outcomes))
        for act, outcomes in zip((one, other), results, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(zip(*results, strict=True))


def attempt(act: Act, order: Order) -> Exception | None:
    try:
        act(order)
    except (IllegalTransition, Conflict) as refused:
        return refused
    return None


def ship(order: Order) -> None:
    order.perform("ship", by=Actor.system())


def cancel(order: Order) -> None:
    order.perform("cancel", by=Actor.system(), reason="Changed their mind")


def edit(order: Order) -> None:
    """What the staff area does with a form: lock the row, assign what was typed, save."""
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        locked.ship_phone = "+1 207 555 0142"
        locked.notes = "Ring twice"
        locked.save()


def told(name: str) -> Counter[str]:
    """How often each order was told by that event."""
    return Counter(map(str, EventRecord.objects.filter(name=name).values_list("subject_id", flat=True)))


def test_of_two_moves_at_once_exactly_one_wins_and_one_event_tells_of_it(orders: list[Order]) -> None:
    outcomes = race(orders, ship, cancel)

    assert len(outcomes) == PAIRS
    for order, pair in zip(orders, outcomes, strict=True):
        lost = [refused for refused in pair if refused]
        assert len(lost) == 1, f"{order}: {pair}"
        assert str(lost[0]).startswith(f"{order} is “"), lost[0]
        assert "Possible now: override." in str(lost[0])
    assert told("order.shipped") + told("order.cancelled") == Counter(str(order.pk) for order in orders)
    states = Counter(Order.objects.values_list("state", flat=True))
    assert states == Counter(shipped=len(told("order.shipped")), cancelled=len(told("order.cancelled")))


def test_a_move_and_an_edit_at_once_are_both_kept(orders: list[Order]) -> None:
    outcomes = race(orders, ship, edit)

    assert outcomes == [(None, None)] * PAIRS
    kept = Order.objects.filter(state="shipped", ship_phone="+1 207 555 0142", notes="Ring twice", version=3)
    assert kept.count() == PAIRS
    everyone = Counter(str(order.pk) for order in orders)
    assert told("order.shipped") == told("order.updated") == everyone


def test_a_save_of_what_was_read_before_a_move_is_refused_and_undoes_nothing(orders: list[Order]) -> None:
    stale = Order.objects.get(pk=orders[0].pk)
    ship(orders[0])
    stale.notes = "Typed on an old page"
    with pytest.raises(Conflict, match=str(stale)):
        stale.save()
    kept = Order.objects.get(pk=stale.pk)
    assert (kept.state, kept.notes) == ("shipped", "")
