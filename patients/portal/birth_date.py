"""The date of birth, as patients write it themselves."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from careops.lib import clock

#: Nobody is older: a year of birth before that is a slip.
OLDEST = timedelta(days=125 * 366)


def check_year(born: date) -> None:
    """Raises ValidationError for a day on which nobody alive was born."""
    if born < (clock.now() - OLDEST).date():
        raise ValidationError(_("That is too long ago: check the year."))


class BirthDateField(forms.DateField):
    widget = forms.DateInput({"type": "date", "autocomplete": "bday"}, "%Y-%m-%d")
    default_validators = [check_year]
    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": _("Write a date, such as 1960-03-14.")}
