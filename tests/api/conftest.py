"""Programs with keys, colleagues with sessions, and how both are heard over the API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from careops.access import api_keys, roles
from careops.access.actor import Actor
from careops.access.models import ApiKey, User
from tests.conftest import person
from tests.surfaces.conftest import at_desk  # noqa: F401

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


@pytest.fixture
def partner(root: User) -> Caller:
    """A program that may do everything a key can."""
    key, secret = make_key(root)
    return Caller(secret, key)


@pytest.fixture
def with_key(root: User) -> Callable[..., Caller]:
    """``with_key("patients.view_task")``: a program that may do just that."""

    def with_key(*permissions: str) -> Caller:
        key, secret = make_key(root, permissions)
        return Caller(secret, key)

    return with_key


@pytest.fixture
def as_staff(at_desk: Callable[..., Client]) -> Callable[..., Caller]:  # noqa: F811
    """``as_staff(nia)``: Nia's browser, calling the API from a script of our own pages."""
    return lambda user: Caller("", client=at_desk(user))


@pytest.fixture
def sam(db: None) -> User:
    """Sam is the security admin."""
    return person("sam@clinic.example", "security admin", first_name="Sam", last_name="Sato")


@pytest.fixture
def ada_signs_in(db: None) -> User:
    """Ada as somebody who signs in: a patient, no staff."""
    return person("ada@mail.example", staff=False, first_name="Ada", last_name="Abara")
