"""The second factor: when a session has it, and how a person who lost theirs gets back in."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.mfa.utils import is_mfa_enabled
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry, User

METHOD = "mfa"


def is_enrolled(user: User) -> bool:
    """Does this person own a second factor at all?"""
    return bool(is_mfa_enabled(user))


def is_proven(request: HttpRequest) -> bool:
    """Was the second factor shown in this session? Ask ``is_enrolled`` too: a reset one no longer counts."""
    records = get_authentication_records(request, request.user)  # type: ignore[arg-type]
    return any(record["method"] == METHOD for record in records)


@receiver(authenticator_added, dispatch_uid="careops.second_factor")
def count_new_factor(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Whoever just proved a new factor while enrolling it need not prove it again in the same session."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, method=METHOD, id=authenticator.pk, type=authenticator.type)


@transaction.atomic
def reset(user: User, by: Actor) -> None:
    """Take away every second factor, in open sessions too: before anything else they must enrol a new one."""
    Authenticator.objects.filter(user=user).delete()
    audit(AuditEntry.Act.SECRET, by, User, [user.pk], reason="second factor reset")
