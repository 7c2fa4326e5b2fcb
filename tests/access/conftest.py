"""Signing in for real: confirmed addresses, authenticator apps, and nothing carried over from the last test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from careops.access.models import User
from tests.access.passkey import SoftPasskey
from tests.conftest import PASSWORD

FACTORS = "/accounts/2fa/"
ACTIVATE, REAUTHENTICATE = f"{FACTORS}totp/activate/", f"{FACTORS}reauthenticate/"
ADD_PASSKEY, REAUTHENTICATE_BY_PASSKEY = f"{FACTORS}webauthn/add/", f"{FACTORS}webauthn/reauthenticate/"
LOGIN, ADMIN = "/accounts/login/", "/admin/"


def code(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238), computed here and not by the library under test."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def mailed_code() -> str:
    """The code in the newest mail."""
    return re.search(r"^\d{4}-\d{4}$", mail.outbox[-1].body, re.MULTILINE)[0]


@pytest.fixture(autouse=True)
def quiet_surroundings(settings) -> None:
    """A clinic, not the demo; rate limits and used codes are forgotten."""
    settings.DEMO = False
    cache.clear()


@pytest.fixture
def sign_in(client: Client) -> Callable[..., str]:
    """``sign_in(user)``: with address and password; where the browser stands then."""

    def sign_in(user: User, next_page: str = "") -> str:
        EmailAddress.objects.get_or_create(user=user, email=user.email, verified=True, primary=True)
        response = client.post(LOGIN, {"login": user.email, "password": PASSWORD, "next": next_page})
        assert response.status_code == 302, response.context["form"].errors
        return response["Location"]

    return sign_in


@pytest.fixture
def enrol(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """``enrol()``: whoever is signed in sets up an authenticator app; its secret.

    Inside a test's transaction nothing is ever committed, so what allauth does then is done at once.
    """

    def enrol() -> str:
        secret = client.get(ACTIVATE).context["form"].secret
        with monkeypatch.context() as patch:
            patch.setattr(transaction, "on_commit", lambda callback: callback())
            response = client.post(ACTIVATE, {"code": code(secret)})
        assert response["Location"] == "/accounts/2fa/recovery-codes/"
        return secret

    return enrol


@pytest.fixture
def enrol_passkey(client: Client) -> Callable[..., str]:
    """``enrol_passkey(key)``: whoever is signed in adds that passkey; where the browser stands then."""

    def enrol_passkey(key: SoftPasskey, **fields: str) -> str:
        options = client.get(ADD_PASSKEY).context["js_data"]["creation_options"]
        posted = {"name": "my phone", "passwordless": "on", **fields, "credential": key.register(options)}
        response = client.post(ADD_PASSKEY, posted)
        assert response.status_code == 302, response.context["form"].errors
        return response["Location"]

    return enrol_passkey


@pytest.fixture
def inside(sign_in: Callable[..., str], enrol: Callable[[], str]) -> Callable[[User], str]:
    """``inside(user)``: signed in with both factors; the secret."""

    def inside(user: User) -> str:
        sign_in(user)
        return enrol()

    return inside
