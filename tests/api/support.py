"""Programs with keys, colleagues with sessions, and how both are heard over the API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from careops.access import api_keys, roles
from careops.access.actor import Actor
from careops.access.models import ApiKey, User

PROBLEM = "application/problem+json"


class Caller:
    """A program with a key. Every POST has an Idempotency-Key of its own unless one is given."""

    def __init__(self, secret: str, key: ApiKey | None = None, client: Client | None = None) -> None:
        self.secret, self.key, self.client = secret, key, client or Client()

    def get(self, path: str, query: Any = None, **headers: str) -> Any:
        return self.client.get(path, query, headers=self._headers(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        named = {"Idempotency-Key": str(uuid.uuid4())} | {_name(name): text for name, text in headers.items()}
        return self._send("post", path, body, named)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self._send("patch", path, body, headers)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = body if isinstance(body, str | bytes) else json.dumps({} if body is None else body)
        send = getattr(self.client, method)
        return send(path, data, content_type="application/json", headers=self._headers(headers))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        own = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return own | {_name(name): text for name, text in more.items() if text is not None}


def _name(name: str) -> str:
    return name.replace("_", "-")


def make_key(
    owner: User, permissions: Iterable[str] | None = None, name: str = "Partner"
) -> tuple[ApiKey, str]:
    """A key of that person's making that lasts a month; with everything a key can have, unless told."""
    granted = roles.INTEGRATOR if permissions is None else permissions
    ends = timezone.now() + timedelta(days=30)
    return api_keys.issue(name=name, permissions=granted, expires_at=ends, by=Actor.of(owner))
