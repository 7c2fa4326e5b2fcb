"""The examples of docs/api.md are run as they stand, against a real server; what they show is what comes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from careops.access.models import IdempotencyRecord
from tests.api.support import Caller
from tests.architecture.sources import REPO
from tests.factories.orders import OrderFactory
from tests.factories.patients import TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = (REPO / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
#: Where each answer goes, so that only its status is printed.
PRELUDE = """set -eu; curl() { command curl -sS --max-time 30 -o /dev/null -w '%{http_code}\\n' "$@"; }\n"""


@pytest.fixture
def live_server(surroundings: None) -> Iterator[LiveServer]:
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl here.")
def test_every_example_answers_as_it_says(live_server: Any, partner: Caller) -> None:
    order, task = OrderFactory(state="awaiting_shipment"), TaskFactory()
    words = {"CAREOPS": live_server.url, "KEY": partner.secret, "ORDER": str(order.pk), "TASK": str(task.pk)}
    assert len(BLOCKS) >= 6
    for block in BLOCKS:
        expected = re.findall(r"^# → (\d{3})$", block, re.MULTILINE)
        done = subprocess.run(
            ["bash", "-c", PRELUDE + block], env={"PATH": "/usr/local/bin:/usr/bin:/bin", **words},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout.split()) == (0, expected), block + done.stdout + done.stderr
    assert IdempotencyRecord.objects.count() == 3


@pytest.mark.django_db
def test_the_shown_refusal_is_the_real_one(partner: Caller) -> None:
    order = OrderFactory(state="shipped")
    answer = partner.post(f"/api/v1/orders/{order.pk}/transitions/ship/", {})
    shown = [
        json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    ]
    assert answer.json() == shown[0]
    visit = partner.post("/api/v1/appointments/", {"patient": "x"}).json()
    assert {**visit, "errors": shown[1]["errors"]} == shown[1]
    assert shown[1]["errors"][0] in visit["errors"]


def test_the_table_of_nouns_is_complete() -> None:
    from careops.api import router

    assert [prefix for prefix, _viewset, _name in router.registry if f"`{prefix}`" not in PAGE] == []
