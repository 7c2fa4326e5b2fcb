"""How allauth behaves here: no open sign-up, redirects stay on this host, seeds are stored encrypted."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from careops.access.models import User


def user_display(user: User) -> str:
    """How allauth's pages and mails name somebody: to themselves, by the address they sign in with."""
    return user.email


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """No: the clinic invites its patients and its staff."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Staff land in the staff area, patients on the portal."""
        return reverse("admin:index") if request.user.is_staff else super().get_login_redirect_url(request)

    def is_safe_url(self, url: str) -> bool:
        """Only this very host; allauth's own rule trusts every name in ALLOWED_HOSTS as well."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )

    def format_email_subject(self, subject: str) -> str:
        """The subject as it is: allauth would put the request's host name in front."""
        return str(subject)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Is a step-up due? A sign-in counts as one: nobody types the same password twice in a minute."""
        records = get_authentication_records(self.request, self.request.user)
        latest = max((record["at"] for record in records), default=0.0)
        return bool(time.time() - latest >= app_settings.REAUTHENTICATION_TIMEOUT)


class MFAAdapter(DefaultMFAAdapter):
    """Second factors at rest: allauth stores the TOTP and recovery seeds in clear unless told otherwise."""

    def get_totp_issuer(self) -> str:
        """The name an authenticator app shows beside the code."""
        return "CareOps"

    def encrypt(self, text: str) -> str:
        return _keyring().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises InvalidToken for a value that none of our keys encrypted."""
        return _keyring().decrypt(encrypted_text.encode()).decode()


def _keyring() -> MultiFernet:
    return _keyring_of(tuple(settings.FIELD_KEYS))


@cache
def _keyring_of(keys: tuple[str, ...]) -> MultiFernet:
    """Encrypts with the first key and decrypts with any: old ones stay until everything is re-encrypted."""
    return MultiFernet([Fernet(key) for key in keys])
