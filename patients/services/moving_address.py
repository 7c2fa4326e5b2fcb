"""Somebody signs in with another email address from now on: the clinic writes to that one, too."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction

from careops.access.actor import Actor
from careops.access.models import User
from patients.models import Patient
from workflows.catalogue import on_behalf_of


def follow_address(
    sender: Any,
    *,
    user: User,
    from_email_address: EmailAddress | None,
    to_email_address: EmailAddress,
    **kwargs: Any,
) -> None:
    """Allauth tells of it once the new address is proven. A record with an address of its own keeps that."""
    if from_email_address is not None:
        _move(user, from_email_address.email, to_email_address.email)


@transaction.atomic
def _move(user: User, old: str, new: str) -> None:
    found = Patient.objects.filter(pk=Patient.id_of(user), email__iexact=old)
    patient = found.select_for_update(of=("self",)).first()
    if patient is not None:
        with on_behalf_of(Actor.of(user)):
            patient.email = new
            patient.save()
