"""Small counters that every process shares. They are unlogged: after a crash of the server they begin anew."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class RateWindow(models.Model):
    """How often somebody asked within the minute that began at ``began_at``: one row each, used over and over."""

    who = models.CharField(max_length=100, primary_key=True)
    began_at = models.DateTimeField()
    used = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("rate window")
        verbose_name_plural = _("rate windows")
        default_permissions: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return f"Rate of {self.who}"


class WaitingPlace(models.Model):
    """A place from which one request may wait for news. Whoever died in it has left by ``until``."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    holder = models.UUIDField()
    until = models.DateTimeField()

    class Meta:
        verbose_name = _("waiting place")
        verbose_name_plural = _("waiting places")
        default_permissions: ClassVar[tuple[str, ...]] = ()

    def __str__(self) -> str:
        return f"Place {self.number}"
