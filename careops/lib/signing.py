"""Signatures on webhooks: Standard Webhooks (which Svix speaks too), and the hex HMAC older systems want."""

from __future__ import annotations

import base64
import hmac
import re
import secrets as random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

TOLERANCE_SECONDS = 300
SECRET_BYTES = 32
FAMILIES = ("webhook", "svix")
_PARTS = ("id", "timestamp", "signature")
_MESSAGE_ID = re.compile(r"[!-\-/-~]{1,255}")  # no dot: it separates the signed parts
_TIMESTAMP = re.compile(r"[0-9]{1,11}")


class BadSignature(Exception):
    """The message is not proved to come from a holder of a secret. The reason is not for the sender's eyes.

    ``reason_code``: ``headers``, ``timestamp``, ``body`` or ``signature``.
    """

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


def new_secret() -> str:
    """A signing secret in the form receivers expect: ``whsec_`` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(random.token_bytes(SECRET_BYTES)).decode()}"


def sign(secrets: str | Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The ``webhook-*`` headers for ``body``; several secrets (rotation) give several signatures.

    ``timestamp`` is in Unix seconds. Raises ``ValueError`` when there is no secret, when one is not base64,
    when the id could not be verified, or when the body is not UTF-8.
    """
    secrets = [secrets] if isinstance(secrets, str) else secrets
    if not secrets or not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("signing needs a secret, and a message id of printable ASCII without dots")
    signatures = [_signature(secret, message_id, timestamp, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(
    raw_body: bytes, headers: Mapping[str, str], secrets: Sequence[str], *, now: float | None = None
) -> str:
    """The id of a message signed with one of ``secrets`` within five minutes of ``now`` (Unix seconds).

    Raises ``BadSignature`` and nothing else, whatever a sender puts into headers and body; a secret of ours
    that is not base64 is a ``ValueError``.
    """
    message_id, timestamp, signatures = _read(headers)
    if abs(timestamp - (time.time() if now is None else now)) > TOLERANCE_SECONDS:
        raise BadSignature("timestamp")
    try:
        raw_body.decode()
    except UnicodeDecodeError:
        raise BadSignature("body") from None
    given = [signature.encode("utf-8", "replace") for signature in signatures.split(" ")]
    for secret in secrets:
        expected = _signature(secret, message_id, timestamp, raw_body).encode()
        if any(hmac.compare_digest(expected, each) for each in given):
            return message_id
    raise BadSignature("signature")


def _read(headers: Mapping[str, str]) -> tuple[str, int, str]:
    """Id, timestamp and signatures, all from one family: a mix could pass one part's check with another's."""
    lowered = [(name.lower(), value) for name, value in headers.items()]
    found = [
        (family, part, value)
        for family in FAMILIES
        for part in _PARTS
        for name, value in lowered
        if name == f"{family}-{part}"
    ]
    if len({family for family, _, _ in found}) != 1 or [part for _, part, _ in found] != list(_PARTS):
        raise BadSignature("headers")
    message_id, timestamp, signatures = (value for _, _, value in found)
    if not _MESSAGE_ID.fullmatch(message_id):
        raise BadSignature("headers")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature("timestamp")
    return message_id, int(timestamp), signatures


def _signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One ``v1,…`` signature; ``ValueError``, never showing the secret, if that is not base64."""
    encoded = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("a signing secret is not base64")
    return str(Webhook(key).sign(message_id, datetime.fromtimestamp(timestamp, UTC), body.decode()))
