"""What people did: the audit trail nobody can rewrite."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from careops.lib.clock import Now


class AuditEntry(models.Model):
    """One act somebody may have to answer for: a look at a patient's record, an override, an export.

    Rows are only ever added: a trigger in the database refuses to change or delete one (45 CFR 164.312(b)).
    """

    class Act(models.TextChoices):
        VIEW = "view", _("looked at")
        LIST = "list", _("listed")
        OVERRIDE = "override", _("overrode")
        EXPORT = "export", _("exported")
        PUBLISH = "publish", _("published")
        REPLAY = "replay", _("replayed")
        RESOLVE = "resolve", _("resolved")
        SECRET = "secret", _("changed a secret of")

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)
    actor_kind = models.CharField(_("who"), max_length=12)
    actor_id = models.CharField(_("their id"), max_length=64, blank=True)
    act = models.CharField(_("did what"), max_length=12, choices=Act.choices)
    subject_type = models.CharField(_("to what"), max_length=80)
    subject_ids = models.JSONField(_("which"), default=list)
    patient_id = models.UUIDField(_("patient"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    correlation_id = models.UUIDField(_("request"), default=uuid.uuid4)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering = ["-id"]
        # "Who looked at this patient?"
        indexes = [models.Index(fields=["patient_id", "-id"], name="audit_by_patient")]

    def __str__(self) -> str:
        return f"Audit entry {self.pk}"
