"""Who treats patients: the professional profile of a member of staff, or of somebody who does not sign in."""

from __future__ import annotations

import re
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from patients import events
from patients.models.clinic import Clinic
from workflows.catalogue import Privacy, Record


def validate_npi(npi: str) -> None:
    """Raises ValidationError unless the check digit fits: Luhn over 80840 and the number (45 CFR 162.406)."""
    digits = [int(digit) for digit in "80840" + npi] if re.fullmatch(r"[12]\d{9}", npi) else [1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    if (sum(doubled) + sum(digits[-1::-2])) % 10:
        raise ValidationError(_("“%(npi)s” is no National Provider Identifier."), params={"npi": npi})


class Practitioner(Record):
    """Somebody who treats patients. Without a user they get letters, but no notifications."""

    created_event = events.PRACTITIONER_CREATED
    updated_event = events.PRACTITIONER_UPDATED

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="practitioner",
        limit_choices_to={"is_staff": True}, verbose_name=_("signs in as"),
    )  # fmt: skip
    first_name = models.CharField(_("first name"), max_length=100)
    last_name = models.CharField(_("last name"), max_length=100)
    credentials = models.CharField(
        _("credentials"), max_length=40, blank=True, help_text=_("Such as MD, PT or RN.")
    )
    specialty = models.CharField(_("specialty"), max_length=80, blank=True)
    npi = models.CharField(_("NPI"), max_length=10, blank=True, validators=[validate_npi])
    email = models.EmailField(
        _("email address"), blank=True, help_text=_("Left blank: the one they sign in with.")
    )
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="practitioners", verbose_name=_("clinic"))
    active = models.BooleanField(_("active"), default=True, help_text=_("Can be given appointments."))

    privacy: ClassVar[dict[str, Privacy]] = dict.fromkeys(
        ("first_name", "last_name", "credentials", "specialty", "npi", "active"), Privacy.PUBLIC
    ) | {"email": Privacy.PERSONAL}

    class Meta:
        verbose_name = _("practitioner")
        verbose_name_plural = _("practitioners")
        ordering = ["last_name", "first_name"]
        constraints = [
            models.UniqueConstraint(fields=["npi"], name="practitioner_npi_once", condition=~Q(npi=""))
        ]

    def __str__(self) -> str:
        """Their public, professional name: unlike a patient's, it is no secret."""
        return f"{self.full_name}, {self.credentials}" if self.credentials else self.full_name

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def address(self) -> str:
        """Where letters to them go, "" for nowhere."""
        return self.email or (self.user.email if self.user else "")
