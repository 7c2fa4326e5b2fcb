"""In the demo two weeks pass at a click; in a clinic nobody can move the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from careops.lib import clock
from tests.factories.patients import PatientFactory
from tests.workflows.support import STOP, live, work_off
from workflows.models import Run


@pytest.fixture
def demo(db, settings):
    settings.DEMO = True
    yield
    clock.shift(timedelta(0))


def test_a_wait_of_two_weeks_passes_at_a_click(demo, client, root):
    live("customer.created", {"action": "wait", "parameters": {"amount": 2, "unit": "weeks"}}, STOP)
    PatientFactory()
    work_off()
    assert Run.objects.get(version__isnull=False).state == "running"
    client.force_login(root)
    assert client.post("/demo/travel/", {"leap": "2w"}).headers["Location"] == "/admin/"
    assert client.post("/demo/travel/", {"leap": "1m"}).status_code == 302
    assert clock.current_shift() == timedelta(weeks=2, minutes=1)
    work_off()
    assert Run.objects.get(version__isnull=False).state == "stopped"


def test_everybody_comes_back_to_the_present(demo):
    call_command("travel", "1w")
    assert clock.current_shift() == timedelta(weeks=1)
    call_command("travel", "back")
    assert clock.current_shift() == timedelta(0)


def test_a_clinics_clock_is_never_moved(db, settings, client, root):
    settings.DEMO = False
    client.force_login(root)
    with pytest.raises(CommandError, match="never moved"):
        call_command("travel", "1w")
    with pytest.raises(RuntimeError, match="Only the demo"):
        clock.shift_everyone(timedelta(days=1))
    assert client.post("/demo/travel/", {"leap": "1w"}).status_code in (302, 404)
    assert clock.current_shift() == timedelta(0)


def test_a_look_does_not_move_the_clock(demo, client, root):
    client.force_login(root)
    assert client.get("/demo/travel/").status_code == 405
