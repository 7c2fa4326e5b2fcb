"""The organisation's sites: where it is what time, when they are open, and in whose name they write."""

from __future__ import annotations

from datetime import date, time
from email.utils import formataddr
from itertools import pairwise
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from careops.access.models import validate_timezone
from patients import events
from workflows.catalogue import Privacy, Record

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def working_week() -> dict[str, list[list[str]]]:
    """Monday to Friday, nine to five: what a new clinic starts with."""
    return {day: [["09:00", "17:00"]] for day in WEEKDAYS[:5]}


def validate_opening_hours(hours: Any) -> None:
    """Raises ValidationError unless hours maps weekdays to lists of ["09:00", "17:00"] pairs in order."""
    try:
        if unknown := set(hours) - set(WEEKDAYS):
            raise ValidationError(
                _("“%(day)s” is no weekday: use mon, tue … sun."), params={"day": min(unknown)}
            )
        for day, spans in hours.items():
            moments = [time.fromisoformat(moment) for opens, closes in spans for moment in (opens, closes)]
            if any(later <= earlier for earlier, later in pairwise(moments)):
                raise ValidationError(_("The hours of “%(day)s” are out of order."), params={"day": day})
    except (TypeError, ValueError, AttributeError):
        raise ValidationError(_("Write hours as {“mon”: [[“09:00”, “17:00”]]}.")) from None


def validate_holidays(days: Any) -> None:
    """Raises ValidationError unless days is a list of ISO dates."""
    try:
        for day in days:
            date.fromisoformat(day)
    except (TypeError, ValueError):
        raise ValidationError(_("Write holidays as a list of dates, such as [“2026-12-25”].")) from None


class Clinic(Record):
    """One site of the organisation."""

    created_event = events.CLINIC_CREATED
    updated_event = events.CLINIC_UPDATED

    name = models.CharField(_("name"), max_length=120, unique=True)
    timezone = models.CharField(
        _("time zone"), max_length=64, default="America/New_York", validators=[validate_timezone]
    )
    opening_hours = models.JSONField(
        _("opening hours"), default=working_week, blank=True, validators=[validate_opening_hours],
        help_text=_("Per weekday, as local times: {“mon”: [[“09:00”, “12:00”], [“13:00”, “17:00”]]}."),
    )  # fmt: skip
    holidays = models.JSONField(
        _("holidays"), default=list, blank=True, validators=[validate_holidays],
        help_text=_("Days on which the clinic stays closed: [“2026-12-25”]."),
    )  # fmt: skip
    sender_name = models.CharField(
        _("sender name"), max_length=120, blank=True, help_text=_("Left blank: the name.")
    )
    sender_email = models.EmailField(
        _("sender address"), blank=True, help_text=_("Left blank: the installation's address.")
    )
    phone = models.CharField(_("phone"), max_length=32, blank=True)

    privacy: ClassVar[dict[str, Privacy]] = dict.fromkeys(
        ("name", "timezone", "opening_hours", "holidays", "sender_name", "sender_email", "phone"),
        Privacy.PUBLIC,
    )

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def sender(self) -> str:
        """The From line of what this clinic writes."""
        return formataddr((self.sender_name or self.name, self.sender_email or settings.DEFAULT_FROM_EMAIL))
