"""A list costs the same for one row and for twenty, and every list goes on along an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from careops.api import router
from careops.lib import clock
from tests.api.support import Caller
from tests.factories.labs import LabOrderFactory, ReportFactory, ResultFactory
from tests.factories.orders import OrderFactory
from tests.factories.patients import (
    AppointmentFactory,
    MessageFactory,
    PatientFactory,
    PractitionerFactory,
    TaskFactory,
)
from tests.workflows.support import STOP, live, work_off
from workflows.models import Run

pytestmark = pytest.mark.django_db


def a_report() -> Any:
    report = ReportFactory()
    for _number in range(3):
        ResultFactory(report=report)
    return report


def a_run() -> Any:
    work_off()
    return Run.objects.latest("id")


def an_automation(number: int = 0) -> Any:
    return live("task.started", STOP, name=f"Automation {clock.now().timestamp()}").automation


#: Noun → one of it, and how many queries its list and one record take besides knowing and counting the caller (3 and 3:
#: the key, its last use, the count).
NOUNS: dict[str, tuple[Callable[[], Any], int, int]] = {
    "patients": (PatientFactory, 2, 2),
    "practitioners": (PractitionerFactory, 1, 1),
    "appointments": (AppointmentFactory, 2, 2),
    "tasks": (TaskFactory, 2, 2),
    "messages": (MessageFactory, 2, 2),
    "orders": (lambda: OrderFactory(lines=3), 3, 3),
    "lab-orders": (LabOrderFactory, 2, 2),
    "reports": (a_report, 3, 3),
    "automations": (an_automation, 1, 1),
}
CALLER = 2  # the key and the count; its last use is written once a minute


def queries(partner: Caller, url: str) -> int:
    with CaptureQueriesContext(connection) as counted:
        assert partner.get(url).status_code == 200
    return len(counted)


@pytest.mark.parametrize("noun", NOUNS)
def test_twenty_cost_what_one_costs(partner: Caller, noun: str) -> None:
    make, in_list, one = NOUNS[noun]
    record = make()
    partner.get(f"/api/v1/{noun}/")
    assert queries(partner, f"/api/v1/{noun}/?limit=30") == CALLER + in_list
    for _number in range(19):
        make()
    assert queries(partner, f"/api/v1/{noun}/?limit=30") == CALLER + in_list
    assert len(partner.get(f"/api/v1/{noun}/?limit=30").json()["results"]) >= 20
    assert queries(partner, f"/api/v1/{noun}/{record.pk}/") == CALLER + one


def test_so_do_runs_and_events(partner: Caller) -> None:
    live("task.created", STOP)
    TaskFactory()
    run = a_run()
    for url in ("/api/v1/runs/", f"/api/v1/runs/{run.pk}/", "/api/v1/events/"):
        partner.get(url)
    before = [
        queries(partner, url) for url in ("/api/v1/runs/", f"/api/v1/runs/{run.pk}/", "/api/v1/events/")
    ]
    for _number in range(19):
        TaskFactory()
    a_run()
    assert 20 <= Run.objects.count() <= 50
    assert [
        queries(partner, url) for url in ("/api/v1/runs/", f"/api/v1/runs/{run.pk}/", "/api/v1/events/")
    ] == before
    assert before == [CALLER + 3, CALLER + 3, CALLER + 3]


def test_every_noun_is_counted() -> None:
    assert {prefix for prefix, _viewset, _name in router.registry} == {*NOUNS, "runs", "events"}
