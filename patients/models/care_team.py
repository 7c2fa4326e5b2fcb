"""Care teams: the practitioners who look after a patient together."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from patients import events
from patients.models.clinic import Clinic
from patients.models.practitioner import Practitioner
from workflows.catalogue import Privacy, Record


class CareTeam(Record):
    """A named group of practitioners. Patients and tasks are given to it as a whole."""

    created_event = events.CARE_TEAM_CREATED
    updated_event = events.CARE_TEAM_UPDATED

    name = models.CharField(_("name"), max_length=80, unique=True)
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="care_teams", verbose_name=_("clinic"))
    members = models.ManyToManyField(
        Practitioner, through="patients.CareTeamMember", related_name="care_teams", verbose_name=_("members")
    )

    privacy: ClassVar[dict[str, Privacy]] = {"name": Privacy.PUBLIC}

    class Meta:
        verbose_name = _("care team")
        verbose_name_plural = _("care teams")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CareTeamMember(Record):
    """One practitioner's place in one team: a record of its own, so that joining and leaving are events."""

    created_event = events.CARE_TEAM_MEMBER_ADDED
    deleted_event = events.CARE_TEAM_MEMBER_REMOVED

    care_team = models.ForeignKey(
        CareTeam, models.CASCADE, related_name="memberships", verbose_name=_("care team")
    )
    practitioner = models.ForeignKey(
        Practitioner, models.PROTECT, related_name="memberships", verbose_name=_("practitioner")
    )

    privacy: ClassVar[dict[str, Privacy]] = {}

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["care_team", "practitioner"], name="care_team_member_once")
        ]

    def __str__(self) -> str:
        return gettext("Member %(ref)s") % {"ref": str(self.pk)[-8:]}
