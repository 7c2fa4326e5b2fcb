"""The home page: true numbers that lead somewhere, for whoever may see them, at a constant price."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from careops.lib import clock
from tests.factories.orders import OrderFactory
from tests.factories.patients import AppointmentFactory, TaskFactory
from workflows.models import (
    Automation,
    AutomationVersion,
    Delivery,
    Drainer,
    EventRecord,
    InboundMessage,
    QueueState,
    Run,
)

pytestmark = pytest.mark.django_db
HOME = "/admin/"


def tiles(answer):
    return {str(tile.label): tile.number for tile in [*answer.context["tiles"], *answer.context["health"]]}


def something_of_everything(number):
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    automation, _new = Automation.objects.get_or_create(name="Greet", trigger="customer.created")
    version, _new = AutomationVersion.objects.get_or_create(automation=automation, number=1, definition={})
    for _one in range(number):
        AppointmentFactory(starts_at=noon, ends_at=noon + timedelta(minutes=30))
        TaskFactory(due_at=clock.now() - timedelta(hours=1))
        OrderFactory(state="awaiting_script")
        task = TaskFactory()
        for state in (QueueState.FAILED, QueueState.HELD):
            Delivery.objects.create(
                channel="email", key=f"{state}:{task.pk}", subject_type="patients.Task", subject_id=task.pk,
                state=state, finished_at=clock.now(),
            )  # fmt: skip
        event = EventRecord.objects.filter(subject_id=task.pk).get()
        Run.objects.create(
            event=event, automation=automation, version=version, subject_type=event.subject_type,
            subject_id=event.subject_id, state=Run.State.FAILED, finished_at=clock.now(),
        )  # fmt: skip
        InboundMessage.objects.create(
            source="junction", message_id=str(task.pk), body_hash="x", body="{}", verdict="unmatched",
            state=QueueState.DONE,
        )  # fmt: skip


def test_the_numbers_are_true(at_desk, root):
    something_of_everything(2)
    TaskFactory(due_at=clock.now() + timedelta(hours=1))
    AppointmentFactory(
        starts_at=clock.now() + timedelta(days=3), ends_at=clock.now() + timedelta(days=3, hours=1)
    )
    Drainer.objects.create(name="here:1:default", lane="default")

    answer = at_desk(root).get(HOME)

    assert tiles(answer) == {
        "Visits today": 2,
        "Stuck orders": 0,
        "Overdue tasks": 2,
        "Messages that did not go out": 0,
        "Dead letters": 4,
        "Unmatched lab messages": 2,
        "Workers": 1,
        "Longest wait": "0 s",
        "Events to hand out": EventRecord.objects.filter(position=None).count(),
    }
    (failing,) = answer.context["failing"]
    assert (failing.label, failing.number) == ("Greet", 2)
    (waiting,) = answer.context["orders"]
    assert (str(waiting.label), waiting.number) == ("Awaiting prescription", 2)
    assert answer.context["events"]["total"] == EventRecord.objects.count()


def test_failures_lead_to_the_very_ones_that_were_counted(at_desk, root):
    something_of_everything(3)
    newer, older, underway = Run.objects.all()
    older.finished_at = clock.now() - timedelta(days=3)
    older.save()
    underway.state, underway.finished_at = Run.State.RUNNING, None
    underway.save()
    client = at_desk(root)

    (row,) = client.get(HOME).context["failing"]

    assert row.number == 1
    assert list(client.get(row.url).context["cl"].result_list) == [newer]
    week = client.get(row.url.replace("ended=1", "ended=7")).context["cl"]
    assert week.result_count == 2


def test_orders_that_wait_longest_stand_first(at_desk, root):
    OrderFactory(state="processing")
    stuck = OrderFactory(state="awaiting_shipment")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET state_entered_at = now() - interval '9 days' WHERE id = %s", [stuck.pk]
        )
    OrderFactory(state="shipped")

    rows = at_desk(root).get(HOME).context["orders"]

    assert [str(row.label) for row in rows] == ["Awaiting shipment", "Processing"]
    assert "9" in rows[0].since or "1 week" in rows[0].since.replace("\xa0", " ")


@pytest.mark.parametrize("person", ["nia", "omar", "lena", "pia", "olga", "root"])
def test_every_number_leads_to_a_list_one_may_open(at_desk, request, person):
    something_of_everything(1)
    client = at_desk(request.getfixturevalue(person))
    answer = client.get(HOME)
    links = set(re.findall(r'href="(/admin/[^"]*)"', answer.content.decode()))
    assert len(links) > 3
    for link in links:
        assert client.get(link.replace("&amp;", "&")).status_code == 200, link


def test_nobody_is_shown_what_they_may_not_list(at_desk, nia):
    something_of_everything(1)
    answer = at_desk(nia).get(HOME)
    assert set(tiles(answer)) == {
        "Visits today",
        "Stuck orders",
        "Overdue tasks",
        "Messages that did not go out",
    }
    assert answer.context["failing"] is None
    assert answer.context["events"] is None


def bars(answer):
    return json.loads(answer.context["events"]["chart"])["datasets"][0]["data"]


def test_hours_that_begin_elsewhere_are_counted_anew(at_desk, root, olga, travel):
    """Half an hour apart, two clocks show the same hour, which does not begin at the same moment."""
    for user, zone in ((root, "Asia/Kolkata"), (olga, "Asia/Karachi")):
        user.timezone = zone
        user.save()
    started = clock.now()
    quarter_to = started.replace(hour=9, minute=45, second=0) + timedelta(days=1)
    travel(quarter_to - started)
    TaskFactory()
    travel(quarter_to + timedelta(minutes=25) - started)
    mine = bars(at_desk(root).get(HOME))
    cache.clear()
    at_desk(olga).get(HOME)
    assert bars(at_desk(root).get(HOME)) == mine


def test_hours_of_another_day_are_counted_anew(at_desk, root, travel):
    TaskFactory()
    assert sum(bars(at_desk(root).get(HOME))) > 0
    travel(timedelta(days=14))
    assert sum(bars(at_desk(root).get(HOME))) == 0


def test_an_empty_clinic_gets_a_friendly_page(at_desk, root):
    answer = at_desk(root).get(HOME)
    assert answer.status_code == 200
    assert "None failed. All is well." in answer.content.decode()


def test_the_price_does_not_grow_with_the_clinic(at_desk, root):
    client = at_desk(root)
    client.get(HOME)

    def price():
        with CaptureQueriesContext(connection) as asked:
            client.get(HOME)
        return len(asked)

    something_of_everything(1)
    little = price()
    something_of_everything(6)
    assert price() == little <= 25


def test_nothing_comes_from_elsewhere_and_no_script_stands_in_the_page(at_desk, root):
    something_of_everything(1)
    html = at_desk(root).get(HOME).content.decode()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', html)
    assert not re.findall(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", html)


def test_what_is_stuck_stands_out_and_leads_to_its_list(at_desk, root):
    OrderFactory(state="awaiting_script")
    for days in (4, 5):
        OrderFactory(state="awaiting_script", state_entered_at=clock.now() - timedelta(days=days))
    OrderFactory(state="shipped", state_entered_at=clock.now() - timedelta(days=30))
    client = at_desk(root)

    answer = client.get(HOME)

    (tile,) = [tile for tile in answer.context["tiles"] if tile.label == "Stuck orders"]
    assert (tile.number, tile.tone) == (2, "warning")
    assert client.get(tile.url).context["cl"].result_count == 2
    (row,) = answer.context["orders"]
    assert [(part.tone, part.number, part.start, part.width) for part in row.parts] == [
        ("danger", 2, 0, 66.67),
        ("primary", 1, 66.67, 33.33),
    ]
    page = answer.content.decode()
    assert '<rect class="co-bar-danger" x="0.0" width="66.67"' in page
    assert "for over 3 days</p>" in page


def test_the_days_visits_are_drawn_by_their_state(at_desk, root):
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    for state in ("booked", "completed", "completed", "cancelled"):
        AppointmentFactory(state=state, starts_at=noon, ends_at=noon + timedelta(minutes=30))
    client = at_desk(root)
    (tile,) = [tile for tile in client.get(HOME).context["tiles"] if tile.label == "Visits today"]
    assert (tile.number, tile.detail) == (3, "1 booked, 2 completed")
    assert client.get(tile.url).context["cl"].result_count == 3
    assert [(part.tone, part.start, part.width) for part in tile.parts] == [
        ("info", 0, 33.33),
        ("success", 33.33, 66.67),
    ]
