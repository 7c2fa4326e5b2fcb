"""The action that gives a patient a care team."""

from __future__ import annotations

from careops.access.actor import Actor
from patients.models import Patient
from tests.factories.patients import CareTeamFactory, PatientFactory
from tests.patients.helpers import told
from tests.workflows.support import live, work_off
from workflows.models import Run


def test_an_automation_gives_the_patient_a_care_team_once(db: None) -> None:
    team, ada = CareTeamFactory(name="Heart team"), PatientFactory(care_team=None)
    version = live(
        "patient.onboarded", {"action": "assign_care_team", "parameters": {"care_team": str(team.pk)}}
    )
    assert version.permissions == ["patients.change_patient"]
    assert "Give the patient the care team “Heart team”" in version.sentence
    ada.perform("onboard", by=Actor.system())
    work_off()
    assert Patient.objects.get(pk=ada.pk).care_team == team
    assert told(ada)[-1] == ("customer.updated", {"changed": ["care_team"]})
    step = Run.objects.get(version=version).steps.get()
    assert step.result == {"type": "patients.CareTeam", "id": str(team.pk)}


def test_a_patient_who_has_the_team_already_is_not_edited(db: None) -> None:
    team = CareTeamFactory()
    ada = PatientFactory(care_team=team, clinic=team.clinic)
    live("patient.onboarded", {"action": "assign_care_team", "parameters": {"care_team": str(team.pk)}})
    ada.perform("onboard", by=Actor.system())
    work_off()
    assert [name for name, _data in told(ada)] == ["customer.created", "patient.onboarded"]
