"""How allauth behaves here: who may sign up, redirects stay on this host, seeds are stored encrypted."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from careops.access import second_factor
from careops.access.models import User


def user_display(user: User) -> str:
    """How allauth's pages and mails name somebody: to themselves, by the address they sign in with."""
    return user.email


class AccountAdapter(DefaultAccountAdapter):
    #: The ways to prove oneself again, as the buttons name them.
    ways = {
        "reauthenticate": _("Use my password"),
        "mfa_reauthenticate": _("Enter a code"),
        "mfa_reauthenticate:webauthn": _("Use a passkey"),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Patients may, unless the clinic switched it off (CAREOPS_SIGN_UP). Staff are made by the security admin."""
        return bool(settings.SIGN_UP)

    def pre_login(
        self, request: HttpRequest, user: User, *, email: str | None, **kwargs: Any
    ) -> HttpResponse | None:
        """Typing a code that we mailed confirms the address, one that staff entered for somebody else included."""
        response = super().pre_login(request, user, email=email, **kwargs)
        records = get_authentication_records(request, user)
        if response is None and email and any(_mailed_to(email, record) for record in records):
            EmailAddress.objects.get_or_create(
                user=user, email=email, defaults={"verified": True, "primary": True}
            )
        return response

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

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """The ways to prove oneself again; for staff who owe their second factor a password is none."""
        owed = second_factor.is_owed(self.request)
        methods = super().get_reauthentication_methods(user)
        return [
            {**method, "description": self.ways[method["id"]]}
            for method in methods
            if not (owed and method["id"] == "reauthenticate")
        ]

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Is a step-up due? A sign-in counts as one: nobody types the same password twice in a minute."""
        records = get_authentication_records(self.request, self.request.user)
        latest = max((record["at"] for record in records), default=0.0)
        return bool(time.time() - latest >= app_settings.REAUTHENTICATION_TIMEOUT)


def _mailed_to(email: str, record: dict[str, Any]) -> bool:
    return record["method"] == "code" and record.get("email") == email


class MFAAdapter(DefaultMFAAdapter):
    """Second factors at rest: allauth stores the TOTP and recovery seeds in clear unless told otherwise."""

    def get_totp_issuer(self) -> str:
        """The name an authenticator app shows beside the code."""
        return "CareOps"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """What a device says a passkey is for; its id is this host, and passkeys work nowhere else."""
        return {**super().get_public_key_credential_rp_entity(), "name": "CareOps"}

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """What a passkey is called until somebody names it."""
        others = Authenticator.objects.filter(user=user, type=type).count()
        return gettext("Passkey {number}").format(number=others + 1) if others else gettext("Passkey")

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
