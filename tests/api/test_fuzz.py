"""Everything the description allows, and much that it does not, sent as four people: nothing fails, nothing surprises.

The requests are made by schemathesis from the description itself, the same ones at each run.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from careops.access.models import User
from careops.api import description
from tests.api.support import Caller
from tests.factories.labs import LabOrderFactory, ReportFactory, ResultFactory
from tests.factories.orders import OrderFactory
from tests.factories.patients import AppointmentFactory, MessageFactory, TaskFactory
from tests.surfaces.support import sign_in
from tests.workflows.support import STOP, live, work_off
from workflows.models import Run

pytestmark = [pytest.mark.django_db, pytest.mark.fuzz]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
TOKEN = "x" * 32
EXAMPLES = 5
#: Who asks is ours to say.
IDENTITIES = {"Authorization", "Cookie", "X-CSRFToken", "Idempotency-Key"}


@pytest.fixture(autouse=True)
def nobody_counts_and_nobody_waits(settings: Any) -> Iterator[None]:
    settings.API_KEY_PER_MINUTE = settings.API_STAFF_PER_MINUTE = 10_000_000
    settings.API_WAITING = 0
    logging.getLogger("django.request").setLevel(logging.ERROR)
    # As the test client does: a request of ours must not close the connection of the test.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)
    logging.getLogger("django.request").setLevel(logging.NOTSET)


@pytest.fixture
def clinic(db: None) -> dict[str, list[Any]]:
    """Some of everything, so that half of the requests are about something that is there."""
    live("task.created", STOP, name="Answers tasks")
    visit, report = AppointmentFactory(), ReportFactory()
    ResultFactory(report=report)
    order, lab_order, task = OrderFactory(), LabOrderFactory(), TaskFactory()
    message = MessageFactory()
    work_off()
    automation = Run.objects.exclude(automation=None).latest("id").automation
    return {
        "patients": [visit.patient_id, order.patient_id],
        "practitioners": [visit.practitioner_id],
        "appointments": [visit.pk],
        "tasks": [task.pk],
        "messages": [message.pk],
        "orders": [order.pk],
        "lab-orders": [lab_order.pk],
        "reports": [report.pk],
        "automations": [automation.pk],
        "runs": list(Run.objects.values_list("pk", flat=True)),
    }


@dataclass(frozen=True)
class Asker:
    """Who asks, how often per operation, and all that they may be answered with."""

    headers: dict[str, str]
    cookies: dict[str, str]
    examples: int
    answers: frozenset[int]


ANYTHING = frozenset(range(200, 500))


def with_session(user: User, examples: int, answers: frozenset[int]) -> Asker:
    """A session and its CSRF token, as a script of our own pages sends them."""
    key = sign_in(Client(), user).cookies[django_settings.SESSION_COOKIE_NAME].value
    cookies = {django_settings.SESSION_COOKIE_NAME: key, django_settings.CSRF_COOKIE_NAME: TOKEN}
    return Asker({"X-CSRFToken": TOKEN}, cookies, examples, answers)


@pytest.fixture
def askers(partner: Caller, root: User, ada_signs_in: User) -> dict[str, Asker]:
    return {
        "integrator": Asker({"Authorization": f"Bearer {partner.secret}"}, {}, EXAMPLES, ANYTHING),
        "staff": with_session(root, EXAMPLES, ANYTHING),
        "patient": with_session(ada_signs_in, 2, frozenset({403})),
        "nobody": Asker({}, {}, 2, frozenset({401})),
    }


def requests(operation: Any, known: list[Any], asker: Asker, answered: Counter[int]) -> Callable[[], None]:
    """A test that sends that operation what its description allows, half of the time about a record that is there."""

    @hypothesis_settings(
        max_examples=asker.examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), real=st.booleans(), place=st.integers(0, 100))
    def send(case: Any, real: bool, place: int) -> None:
        if real and known and "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = str(known[place % len(known)])
        case.headers = {name: text for name, text in (case.headers or {}).items() if name not in IDENTITIES}
        case.cookies = {}
        sent = asker.headers | ({"Idempotency-Key": str(uuid.uuid4())} if real else {})
        response = case.call(headers=sent, cookies=asker.cookies)
        answered[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    return send


@pytest.mark.parametrize("who", ["integrator", "staff", "patient", "nobody"])
def test_nothing_fails_and_nothing_is_undeclared(who: str, askers: Any, clinic: Any) -> None:
    asker = askers[who]
    schema = schemathesis.openapi.from_dict(json.loads(description()))
    schema.app = WSGIHandler()
    answered: Counter[int] = Counter()
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in operations:
        requests(operation, clinic.get(operation.path.split("/")[3], []), asker, answered)()
    assert len(operations) > 70
    assert sum(answered.values()) >= len(operations)
    assert set(answered) <= asker.answers, answered
    if asker.answers is ANYTHING:
        assert {200, 400, 404, 409} <= set(answered), answered
