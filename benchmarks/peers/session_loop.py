"""Post signed bodies one after the other: ``python -m benchmarks.peers.session_loop URL NUMBER``. Prints the seconds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
import uuid

import requests

SECRET = b"0123456789abcdef0123456789abcdef"


def main(url: str, number: int) -> None:
    session = requests.Session()
    send(session, url, 0)
    began = time.perf_counter()
    for place in range(number):
        send(session, url, place)
    sys.stdout.write(f"{time.perf_counter() - began}\n")


def send(session: requests.Session, url: str, number: int) -> None:
    """One Standard Webhooks message, as CareOps writes them."""
    subject = str(uuid.uuid4())
    body = json.dumps(
        {
            "type": "patient.onboarded",
            "timestamp": "2026-11-22T10:00:00+00:00",
            "data": {"event": subject, "subject": {"type": "patients.Patient", "id": subject}, "patient": subject,
                     "from": "registered", "to": "onboarded"},
            "step": f"run:{number}:call",
        },
        separators=(",", ":"),
    ).encode()  # fmt: skip
    message_id, moment = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
    signed = hmac.new(SECRET, f"{message_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    session.post(url, data=body, headers=headers, timeout=15).raise_for_status()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
