"""Requests that may be sent twice and are carried out once: claim, work, answer.

The claim is committed before the work begins, so a second request sees it. The answer is written in the transaction of
the work, and only while the claim is still ours: a worker that died in between leaves nothing behind, one that outlived
its lease writes nothing, and whoever takes the claim over finds the work either done and answered or not done at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection, models

from careops.access.actor import Actor
from careops.access.models import IdempotencyRecord

#: A worker that takes longer was killed: gunicorn ends a request after thirty seconds.
LEASE_SECONDS = 60
KEPT_HOURS = 24

#: Nobody had the key, or whoever had it died over it, or that was yesterday.
CLAIM = """
INSERT INTO access_idempotencyrecord AS known
  (actor_kind, actor_id, key, request_hash, claim, leased_until, headers, body, expires_at)
VALUES (%(kind)s, %(id)s, %(key)s, %(hash)s, %(claim)s,
  statement_timestamp() + %(lease)s * interval '1 second', '{}', '',
  statement_timestamp() + %(kept)s * interval '1 hour')
ON CONFLICT (actor_kind, actor_id, key) DO UPDATE SET
  request_hash = excluded.request_hash, claim = excluded.claim, leased_until = excluded.leased_until,
  status = NULL, headers = '{}', body = '', created_at = excluded.created_at, expires_at = excluded.expires_at
WHERE known.expires_at <= statement_timestamp()
  OR (known.status IS NULL AND known.leased_until <= statement_timestamp()
      AND known.request_hash = excluded.request_hash)
RETURNING id
"""
#: Every claim throws some of the expired away: as many as come, and a few more.
FORGET = """
DELETE FROM access_idempotencyrecord WHERE id IN (
  SELECT id FROM access_idempotencyrecord WHERE expires_at <= statement_timestamp() ORDER BY expires_at LIMIT 5
  FOR UPDATE SKIP LOCKED)
"""


class InFlight(Exception):
    """The same request is being worked on at this moment."""


class Reused(Exception):
    """The key belongs to another request."""


class Lost(Exception):
    """Somebody else took the claim over; what was done under it must be rolled back."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished answer, as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry the request out."""

    id: int
    token: uuid.UUID

    def answer(self, reply: Reply) -> None:
        """Keep the reply, in the caller's transaction. Raises Lost when the claim is no longer ours."""
        kept = self._mine().update(status=reply.status, headers=dict(reply.headers), body=reply.body)
        if not kept:
            raise Lost

    def release(self) -> None:
        """Nothing was done: whoever asks again starts anew."""
        self._mine().delete()

    def _mine(self) -> models.QuerySet[IdempotencyRecord]:
        return IdempotencyRecord.objects.filter(pk=self.id, claim=self.token, status=None)


def claim(by: Actor, key: str, request_hash: str) -> Claim | Reply:
    """The right to work on that request, or the reply it had already. Raises InFlight or Reused."""
    token = uuid.uuid4()
    words = {
        "kind": by.kind.value, "id": by.id, "key": key, "hash": request_hash, "claim": token,
        "lease": LEASE_SECONDS, "kept": KEPT_HOURS,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, words)
        row = cursor.fetchone()
        if row is not None:
            cursor.execute(FORGET)
            return Claim(row[0], token)
    found = IdempotencyRecord.objects.filter(actor_kind=by.kind.value, actor_id=by.id, key=key).first()
    if found is None:  # released between the two statements: as if it were still being worked on
        raise InFlight
    if found.request_hash != request_hash:
        raise Reused
    if found.status is None:
        raise InFlight
    return Reply(found.status, found.headers, found.body)
