"""A webhook comes in, a condition is asked, a webhook goes out: 8 clients, 1 000 messages, one machine.

CareOps: gunicorn with two workers of four threads takes a lab's signed message, proves the signature and stores it;
`manage.py worker` reads it, moves the lab order, records the event, asks an automation's condition about the patient, and
sends a signed webhook, every hop on disk. Node-RED, in memory: *http in*, a *switch* on a field of the message,
*http request* with kept connections, nothing signed or stored. The rate runs from the first byte of the first message to
the moment the receiver has read the last webhook. What has not arrived after 25 s is given up; the rate is then that of
what has.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import time as now

from benchmarks import clinic
from benchmarks.measuring import percentile, ratios, rounds
from benchmarks.outcome import Outcome
from benchmarks.peers.installed import free_port, wait_for_port
from benchmarks.peers.node_red import node_red
from benchmarks.places import environment
from benchmarks.receiver import Receiver, receiving
from benchmarks.waiting import eventually
from benchmarks.workers import process, python, supervised, url
from careops.lib.ids import uuid7
from careops.lib.signing import new_secret, sign
from labs.models import LabOrder, LabTest
from patients.models import Patient
from workflows.catalogue.recording import quietly
from workflows.engine.dispatch import dispatch
from workflows.models import Endpoint

MESSAGES = 1000
CLIENTS = 8
ROUNDS = 3
LONGEST = 25.0
DRAWN = ("received.on_site_collection.ordered", "sample_with_lab.on_site_collection.draw_completed")

Waits = dict[str, list[float]]


def run() -> Outcome:
    secret, waits = new_secret(), {"CareOps": [], "Node-RED": []}
    patients = clinic.patients(MESSAGES)
    with receiving() as receiver, node_red(receiver.url("/relay")) as red:
        _listen(receiver)
        found = rounds(
            ROUNDS,
            {
                "CareOps": lambda: _through_careops(receiver, patients, secret, waits["CareOps"]),
                "Node-RED": lambda: _relay(receiver, red, _theirs(), waits["Node-RED"]),
            },
        )
    outcome = Outcome()
    outcome.at_least(
        "webhook in → condition → signed POST out, against Node-RED", 1.5, ratios(*found.values()), "×"
    )
    for name, rates in found.items():
        outcome.figure(name, rates, "messages/s")
        outcome.figure(f"{name}: from the first message to a webhook, p50", waits[name], "ms")
    return outcome


def _listen(receiver: Receiver) -> None:
    endpoint = Endpoint.objects.create(name="Partner", url=receiver.url("/relay"))
    call = {"action": "call_webhook", "parameters": {"endpoint": str(endpoint.pk)}}
    clinic.live("Tell the partner", "lab_order.draw_completed", call, conditions=clinic.adults())


@contextmanager
def _careops(receiver: Receiver, secret: str) -> Iterator[int]:
    """The web server's port, with workers beside it."""
    port = free_port()
    env = environment(url(), CAREOPS_JUNCTION_SECRETS=secret, BEHIND_TLS_PROXY="1")
    argv = python(
        "-m",
        "gunicorn",
        "careops.wsgi",
        f"--bind=127.0.0.1:{port}",
        "--workers=2",
        "--threads=4",
        "--no-control-socket",
    )
    with process("gunicorn", argv, env, farewell=10), supervised(CAREOPS_OUTBOUND_ALLOW=receiver.allow):
        wait_for_port(port, "The web server")
        yield port


# ── Messages ──────────────────────────────────────────────────────────────────────────────────────────────
def _ours(patients: list[Patient], secret: str) -> list[bytes]:
    """A lab order for each patient, and the lab's signed message about it."""
    with quietly():
        test, _new = LabTest.objects.get_or_create(code="bench", defaults={"name": "Bench panel"})
        orders = LabOrder.create_many(
            [LabOrder(patient=patient, lab_test=test, external_id=str(uuid7())) for patient in patients]
        )
    while dispatch():
        pass
    return [_signed(_message(order.external_id), secret) for order in orders]


def _message(reference: str) -> bytes:
    told = [
        {"id": place, "created_at": f"2026-03-0{place}T08:00:00Z", "status": status}
        for place, status in enumerate(DRAWN, start=1)
    ]
    data = {"id": reference, "age": 46, "sample_id": "700100200", "events": told}
    return json.dumps({"event_type": "labtest.order.updated", "data": data}).encode()


def _signed(body: bytes, secret: str) -> bytes:
    headers = sign([secret], f"msg_{uuid7().hex}", int(now()), body)
    return _request("/hooks/junction/", body, {**headers, "X-Forwarded-Proto": "https"})


def _theirs() -> list[bytes]:
    return [_request("/relay", _message(str(uuid7())), {}) for _number in range(MESSAGES)]


def _request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


# ── The relay ─────────────────────────────────────────────────────────────────────────────────────────────
def _through_careops(receiver: Receiver, patients: list[Patient], secret: str, waits: list[float]) -> float:
    """Messages per second. Started anew each time: what was given up must not be in the next contender's way."""
    clinic.clear()
    requests = _ours(patients, secret)
    with _careops(receiver, secret) as port:
        return _relay(receiver, port, requests, waits)


def _relay(receiver: Receiver, port: int, requests: list[bytes], waits: list[float]) -> float:
    """Messages per second, end to end."""
    receiver.forget()
    began = time.time()
    asyncio.run(_send_all(port, requests))
    with suppress(TimeoutError):  # the rate is then that of what arrived
        left = began + LONGEST - time.time()
        eventually("everything has come out of it", lambda: receiver.count() >= len(requests), left)
    arrived = [moment for moment, _body in receiver.seen() if moment <= began + LONGEST]
    if not arrived:
        raise AssertionError("Nothing came out of it.")
    waits.append(1000 * percentile([moment - began for moment in arrived], 0.5))
    return len(arrived) / (max(arrived) - began)


async def _send_all(port: int, requests: list[bytes]) -> None:
    """Eight clients share the messages; each waits for an answer before it sends the next one."""
    left = iter(requests)
    await asyncio.gather(*(_client(port, left) for _client_number in range(CLIENTS)))


async def _client(port: int, left: Iterator[bytes]) -> None:
    reader = writer = None
    for request in left:
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise AssertionError(f"Refused: {head.split(b' ', 2)[1].decode()}.")
        length = int(lowered.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or b"0")
        await reader.readexactly(length)
        if b"connection: close" in lowered:
            writer.close()
            writer = None
