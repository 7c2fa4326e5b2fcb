"""Somebody signed up on the portal: which record is theirs?"""

from __future__ import annotations

from datetime import date
from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.access.models import User
from patients.models import Clinic, Patient
from workflows.catalogue import on_behalf_of


@transaction.atomic
def sign_up(
    user: User, *, first_name: str, last_name: str, birth_date: date, clinic: Clinic, **details: Any
) -> Patient:
    """The record of that user from now on: the one the clinic has of them already, or a new one.

    Theirs is the one with their verified email address, last name and date of birth that nobody signs in as. Where
    two would fit, neither is taken and staff merge later: a wrong guess would show somebody else's results.
    Raises ValidationError for staff, for an address that was never verified, and for somebody who has a record.
    """
    user = User.objects.select_for_update().get(pk=user.pk)  # a form sent twice makes one patient
    _check(user)
    user.first_name, user.last_name = first_name, last_name
    user.save(update_fields=["first_name", "last_name"])
    with on_behalf_of(Actor.of(user)):
        patient = _known(user, last_name, birth_date)
        if patient is None:
            patient = Patient(
                first_name=first_name, last_name=last_name, birth_date=birth_date, clinic=clinic,
                email=user.email, **details,
            )  # fmt: skip
            patient.full_clean(exclude=["mrn"])
        patient.user = user
        patient.save()
    return patient


def _check(user: User) -> None:
    if user.is_staff:
        raise ValidationError(_("You work here: this page is for patients."))
    if Patient.objects.filter(user=user).exists():
        raise ValidationError(_("You have signed up already."))
    if not EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists():
        raise ValidationError(_("Confirm your email address first."))


def _known(user: User, last_name: str, birth_date: date) -> Patient | None:
    fitting = Patient.objects.select_for_update(of=("self",)).filter(
        email__iexact=user.email, last_name__iexact=last_name, birth_date=birth_date, user=None,
        state__in=[Patient.State.REGISTERED, Patient.State.ONBOARDED, Patient.State.INACTIVE],
    )  # fmt: skip
    found = list(fitting[:2])
    return found[0] if len(found) == 1 else None
