"""A client that a machine wrote from the description does what an integrator would do with it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from careops.api import description
from tests.api.support import Caller
from tests.factories.labs import LabOrderFactory
from tests.factories.orders import OrderFactory
from workflows.engine.dispatch import dispatch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def live_server(surroundings: None) -> Iterator[LiveServer]:
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Generated into a folder of its own: nothing is fetched, nothing of it stays."""
    folder = tmp_path_factory.mktemp("client")
    document = folder / "schema.json"
    document.write_bytes(description())
    config = folder / "config.yml"
    config.write_text(json.dumps({"post_hooks": [], "package_name_override": "careops_client"}))
    program = Path(sys.executable).with_name("openapi-python-client")
    target = folder / "careops_client"
    done = subprocess.run(
        [program, "generate", "--path", document, "--config", config, "--meta", "none", "--output-path", target,
         "--fail-on-warning"],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield "careops_client"
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "careops_client"]:
        del sys.modules[name]


def test_key_lab_order_order_feed(client_package: str, live_server: Any, partner: Caller) -> None:
    lab_order, order = LabOrderFactory(), OrderFactory(state="awaiting_shipment")
    while dispatch():
        pass
    package = importlib.import_module(client_package)
    client = package.AuthenticatedClient(base_url=live_server.url, token=partner.secret)

    def operation(tag: str, name: str) -> Any:
        return importlib.import_module(f"{client_package}.api.{tag}.{name}")

    models = importlib.import_module(f"{client_package}.models")

    read = operation("lab_orders", "lab_orders_get").sync(id=lab_order.pk, client=client)
    assert (read.id, read.state.value) == (lab_order.pk, lab_order.state)

    after = operation("events", "events_list").sync(client=client, after=0, limit=200).next_after
    ship, key = operation("orders", "orders_ship"), str(uuid.uuid4())
    body = models.OrderShipArgumentsRequest(tracking_number="1Z999", carrier="UPS")
    for _time in range(2):  # the line broke, it asks again
        moved = ship.sync_detailed(id=order.pk, client=client, body=body, idempotency_key=key)
        assert (moved.status_code, moved.parsed.state.value, moved.headers["ETag"][:3]) == (
            200,
            "shipped",
            '"2-',
        )
    assert moved.headers["Idempotency-Replayed"] == "true"

    refused = ship.sync_detailed(id=order.pk, client=client, body=body, idempotency_key=str(uuid.uuid4()))
    assert (refused.status_code, refused.parsed.state, refused.parsed.legal) == (409, "shipped", [])

    while dispatch():
        pass
    feed = operation("events", "events_list").sync(client=client, after=after, types="order.shipped")
    (told,) = feed.results
    assert (told.name, told.subject.id, told.actor.kind, told.actor.id) == (
        "order.shipped", order.pk, "integrator", str(partner.key.pk),
    )  # fmt: skip
    assert feed.next_after == told.position + 1  # the tracking number was told as well, and not asked for
