"""Work and notices point at the record they are about, whichever app it lives in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import apps
from django.db import models
from django.utils.translation import gettext_lazy as _

from workflows.catalogue import Privacy


class About(models.Model):
    """A reference to any record, by model label and id: patients may not import the apps above it."""

    about_type = models.CharField(_("about"), max_length=80, blank=True, editable=False)
    about_id = models.UUIDField(_("about which"), null=True, blank=True, editable=False)

    ABOUT_PRIVACY: ClassVar[dict[str, Privacy]] = {"about_type": Privacy.PUBLIC, "about_id": Privacy.PUBLIC}

    class Meta:
        abstract = True

    @property
    def about(self) -> Any:
        """The record itself, or None when there is none or it is gone."""
        if not self.about_type:
            return None
        return apps.get_model(self.about_type)._base_manager.filter(pk=self.about_id).first()

    @about.setter
    def about(self, record: models.Model | None) -> None:
        self.about_type = record._meta.label if record else ""
        self.about_id = record.pk if record else None
