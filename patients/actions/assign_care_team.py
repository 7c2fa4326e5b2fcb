"""The action "assign a care team": from now on these people look after the patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db import transaction
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from patients import events
from patients.models import CareTeam, Patient
from workflows.catalogue import Action, Done, Outcome, Step, actions


class CareTeamForm(forms.Form):
    care_team = forms.ModelChoiceField(label=_("Care team"), queryset=CareTeam.objects.order_by("name"))


def assign_care_team(step: Step, given: Mapping[str, Any]) -> Outcome:
    """Give the patient that team, under the row's lock; one who has it already keeps it and nobody is told."""
    with transaction.atomic():
        patient = Patient.objects.select_for_update(of=("self",)).get(pk=step.person().kept.pk)
        patient.care_team = given["care_team"]
        patient.save()
    return Done({"type": CareTeam._meta.label, "id": str(given["care_team"].pk)})


actions.add(
    Action(
        name="assign_care_team",
        label=_("Assign a care team"),
        form=CareTeamForm,
        run=assign_care_team,
        says=lambda given: (
            _t("give the patient the care team “%(team)s”") % {"team": given["care_team"].name}
        ),
        needs=lambda given, subject: frozenset({"patients.change_patient"}),
        causes=(events.PATIENT_UPDATED,),
        needs_patient=True,
        icon="groups",
    )
)
