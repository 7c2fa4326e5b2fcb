"""How many signed webhooks does one worker process deliver in a second?

CareOps: 1 000 deliveries wait, half of them for each of two endpoints; one process works through its *send* lane: claim
(on disk before anything leaves the house), sign, POST, write down the answer. Against it: a loop in another process that
signs the same bodies in the same way and posts them one after the other through one ``requests.Session``, which
keeps nothing and claims nothing. The same receiver on this machine takes both.
"""

from __future__ import annotations

import subprocess
import time

from django.conf import settings

from benchmarks import clinic
from benchmarks.measuring import ratios, rounds
from benchmarks.outcome import Outcome
from benchmarks.peers.installed import peers_python
from benchmarks.places import REPO, environment
from benchmarks.receiver import Receiver, receiving
from benchmarks.workers import url
from careops.lib.ids import uuid7
from patients.models import Patient
from workflows.engine.drain import drain
from workflows.models import Delivery, Endpoint

DELIVERIES = 1000
ROUNDS = 5
LONGEST = 12.0


def run() -> Outcome:
    peers = peers_python()
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = [receiver.allow]
        endpoints = [
            Endpoint.objects.create(name=name, url=receiver.url(f"/{name}")) for name in ("north", "south")
        ]
        found = rounds(
            ROUNDS,
            {
                "CareOps": lambda: careops(receiver, endpoints),
                "requests.Session": lambda: session(peers, receiver),
            },
        )
    outcome = Outcome()
    outcome.at_least(
        "signed webhook deliveries per worker against a requests.Session loop",
        2,
        ratios(*found.values()),
        "×",
    )
    for name, rates in found.items():
        outcome.figure(name, rates, "deliveries/s")
    return outcome


def careops(receiver: Receiver, endpoints: list[Endpoint]) -> float:
    clinic.clear()
    receiver.forget()
    Delivery.objects.bulk_create([_delivery(number, endpoints[number % 2]) for number in range(DELIVERIES)])
    began = time.perf_counter()
    drain("send", seconds=LONGEST, until_empty=True)
    taken = time.perf_counter() - began
    done = clinic.count("SELECT count(*) FROM workflows_delivery WHERE state = 'done'")
    if receiver.count() != done or not done:
        raise AssertionError(f"{done} deliveries are done, but the receiver has seen {receiver.count()}.")
    return done / taken


def _delivery(number: int, endpoint: Endpoint) -> Delivery:
    subject = uuid7()
    return Delivery(
        channel="webhook", key=f"bench:{number}", subject_type=Patient._meta.label, subject_id=subject,
        endpoint=endpoint, body=body(number, str(subject)),
    )  # fmt: skip


def body(number: int, subject: str) -> dict[str, object]:
    """What an event looks like on its way out."""
    return {
        "type": "patient.onboarded",
        "timestamp": "2026-11-22T10:00:00+00:00",
        "data": {"event": subject, "subject": {"type": "patients.Patient", "id": subject}, "patient": subject,
                 "from": "registered", "to": "onboarded"},
        "step": f"run:{number}:call",
    }  # fmt: skip


def session(peers: str, receiver: Receiver) -> float:
    argv = [peers, "-m", "benchmarks.peers.session_loop", receiver.url("/session"), str(DELIVERIES)]
    done = subprocess.run(argv, cwd=REPO, env=environment(url()), capture_output=True, text=True, check=True)
    return DELIVERIES / float(done.stdout)
