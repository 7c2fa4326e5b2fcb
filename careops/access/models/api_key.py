"""Keys of the API: what another program shows instead of a password."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from careops.lib.clock import RealNow
from careops.lib.ids import uuid7


class ApiKey(models.Model):
    """One integration's way in. Of its secret we keep a hash; ``prefix`` is the part people tell keys apart by.

    While it is rotated the old secret works beside the new one until ``previous_until``. ``owner`` made it, and is
    asked when somebody wonders what it is for. It follows the real clock: the demo's time travel ends no key.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=120, help_text=_("What uses it: “Billing export”."))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="api_keys", verbose_name=_("made by")
    )
    prefix = models.CharField(_("begins with"), max_length=20, unique=True, editable=False)
    hash = models.CharField(max_length=64, editable=False)
    previous_hash = models.CharField(max_length=64, blank=True, editable=False)
    previous_until = models.DateTimeField(_("the old secret works until"), null=True, editable=False)
    permissions = ArrayField(models.CharField(max_length=100), verbose_name=_("may"), default=list)
    created_at = models.DateTimeField(_("made"), db_default=RealNow(), editable=False)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-id"]
        default_permissions = ("view", "add", "change")
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="apikey_expires_later"),
            models.CheckConstraint(
                condition=Q(previous_hash="", previous_until=None)
                | Q(~Q(previous_hash=""), previous_until__isnull=False),
                name="apikey_overlap_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @property
    def secret_id(self) -> str:
        """Names its present secret, and tells nothing about it: a part of a hash of 256 random bits."""
        return self.hash[:12]

    def is_usable(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at
