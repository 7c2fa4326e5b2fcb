"""The demo clinic: made once, in the demo only, with somebody in every state and nothing sent to anybody."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from careops.access.models import User
from careops.demo import people
from careops.lib import clock
from careops.lib.clock import Now
from labs.models import LabOrder
from orders.models import Order
from patients.models import Appointment, Message, Patient, Task
from tests.workflows.support import work_off
from workflows.catalogue import facts
from workflows.catalogue.machine import Machine
from workflows.models import Automation, EventRecord

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(settings: Any) -> str:
    settings.DEMO = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return seed()


def seed(*options: str) -> str:
    out = StringIO()
    call_command("seed_demo", *options, stdout=out)
    return out.getvalue()


def test_outside_the_demo_it_refuses() -> None:
    for options in ((), ("--logins",)):
        with pytest.raises(CommandError, match="CAREOPS_DEMO"):
            seed(*options)
    assert not User.objects.exists()


def states(machine: type[Machine]) -> set[str]:
    return set(machine.objects.values_list("state", flat=True))


def test_the_clinic_is_full_of_life(demo: str) -> None:
    assert "72 patients" in demo
    for machine in (Order, LabOrder, Appointment, Task, Patient):
        assert states(machine) == set(machine.states()), machine
    assert (age_of("Conti"), age_of("Danilov")) == (39, 40)
    assert states(Automation) == {"live"}
    assert clock.current_shift().total_seconds() == 0
    _everything_happened_in_the_past_and_nobody_was_told()
    _again_changes_nothing()
    _everybody_listed_may_sign_in()
    _ada_finds_something_of_everything_on_her_portal()


def age_of(last_name: str) -> int:
    """By the same fact that the lab's automation asks."""
    rows = Patient.objects.filter(last_name=last_name).annotate(at=Now())
    return rows.annotate(age=facts.get("patient.age").expression()).values_list("age", flat=True).get()


def _everything_happened_in_the_past_and_nobody_was_told() -> None:
    events = EventRecord.objects.all()
    assert not events.filter(quiet=False).exists()
    assert not events.filter(occurred_at__gt=clock.now()).exists()
    assert not Message.objects.exists()
    for subject in events.values_list("subject_id", flat=True).distinct():
        happened = list(
            events.filter(subject_id=subject).order_by("id").values_list("occurred_at", flat=True)
        )
        assert happened == sorted(happened), subject


def _again_changes_nothing() -> None:
    before = EventRecord.objects.count()
    assert "already" in seed()
    assert EventRecord.objects.count() == before


def _everybody_listed_may_sign_in() -> None:
    printed = seed("--logins")
    for address, role in people.logins():
        assert address in printed
        user = User.objects.get(email=address)
        assert user.check_password(people.PASSWORD)
        assert user.is_superuser or role == (user.groups.get().name if user.is_staff else "patient")


def _ada_finds_something_of_everything_on_her_portal() -> None:
    client = Client()
    client.force_login(User.objects.get(email="ada.abara@example.com"))
    home = client.get("/portal/")
    asked = sorted(todo.title.split(":")[0].split(" on ")[0] for todo in home.context["todos"])
    assert asked == ["Confirm your visit", "Look at your new results", "Look at your new results"]
    assert {card.visit.state for card in client.get("/portal/visits/").context["cards"]} == {
        "booked",
        "confirmed",
    }
    past = client.get("/portal/visits/past/").context["cards"]
    assert {card.visit.state for card in past} == {"completed", "cancelled"}
    orders = client.get("/portal/orders/").context["cards"]
    assert {"awaiting_script", "shipped", "cancelled"} <= {card.order.state for card in orders}
    latest = client.get("/portal/results/").context["cards"][0]
    markers = client.get(f"/portal/results/{latest.report.pk}/").context["markers"]
    assert {len(marker.trend.points) for marker in markers} == {4}
    _when_she_calls_off_the_desk_offers_a_new_time(client, home)


def _when_she_calls_off_the_desk_offers_a_new_time(client: Client, home: Any) -> None:
    visit = next(todo.url for todo in home.context["todos"] if todo.act_url)
    client.post(f"{visit}cancel/", {"reason": "I am travelling"})
    work_off()
    task = Task.objects.get(title="Offer a new time")
    assert (task.role, task.patient.last_name, task.state) == ("front desk", "Abara", "open")
