"""What can be ordered."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from labs import events
from workflows.catalogue import Privacy, Record


class LabTest(Record):
    """A panel of markers that a lab offers under one code. Put it out of use instead of deleting it."""

    created_event = events.LAB_TEST_CREATED
    updated_event = events.LAB_TEST_UPDATED

    name = models.CharField(_("name"), max_length=120)
    code = models.SlugField(
        _("code"), max_length=60, unique=True, help_text=_("Automations refer to it by this.")
    )
    lab = models.CharField(_("lab"), max_length=120, blank=True)
    description = models.TextField(_("description"), blank=True)
    active = models.BooleanField(_("in use"), default=True)

    privacy: ClassVar[dict[str, Privacy]] = {
        "name": Privacy.PUBLIC,
        "code": Privacy.PUBLIC,
        "lab": Privacy.PUBLIC,
        "description": Privacy.PUBLIC,
        "active": Privacy.PUBLIC,
    }

    class Meta:
        verbose_name = _("lab test")
        verbose_name_plural = _("lab tests")
        ordering = ["name", "code"]

    def __str__(self) -> str:
        return self.name
