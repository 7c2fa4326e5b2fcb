"""The second factor: when a session has it, and how a person who lost theirs gets back in."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.db import transaction
from django.http import HttpRequest

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry, User

METHOD = "mfa"
#: Recovery codes are none: they stand in for one of these.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def is_enrolled(user: User) -> bool:
    """Does this person own a second factor at all?"""
    return bool(is_mfa_enabled(user, FACTORS))


def is_owed(request: HttpRequest) -> bool:
    """Does somebody work here, own a factor, and has not shown it in this session?"""
    user = request.user
    return user.is_staff and is_enrolled(user) and not is_proven(request)


def way_to_prove(user: User) -> str:
    """The page that asks for the factor this person has: for the authenticator's code, where they have both."""
    by_code = is_mfa_enabled(user, [Authenticator.Type.TOTP])
    return "mfa_reauthenticate" if by_code else "mfa_reauthenticate_webauthn"


def is_proven(request: HttpRequest) -> bool:
    """Was the second factor shown in this session? Ask ``is_enrolled`` too: a reset one no longer counts.

    A sign-in with a passkey and nothing else shows it: the device asked for a finger, a face or a PIN.
    """
    records = get_authentication_records(request, request.user)
    return any(record["method"] == METHOD for record in records)


def count_new_factor(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Whoever just proved a new factor while enrolling it need not prove it again in the same session."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, method=METHOD, id=authenticator.pk, type=authenticator.type)


@transaction.atomic
def reset(user: User, by: Actor) -> None:
    """Take away every second factor, in open sessions too: before anything else they must enrol a new one."""
    Authenticator.objects.filter(user=user).delete()
    audit(AuditEntry.Act.SECRET, by, User, [user.pk], reason="second factor reset")
