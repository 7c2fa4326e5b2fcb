"""The action "create a task": work for a role, a colleague, a care team or the patient's practitioner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from careops.access.roles import role_labels
from patients import events
from patients.actions.fields import (
    LineField,
    TemplateField,
    colleague_choices,
    optional_role_choices,
    told_by,
)
from patients.models import CareTeam, Task
from patients.variables import REFERENCES, Scene
from workflows.catalogue import Action, Done, Outcome, Step, StepFailed, actions

UNITS = {"hours": timedelta(hours=1), "days": timedelta(days=1)}


def _role(scene: Scene, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"role": given["role"]}


def _colleague(scene: Scene, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"assignee_id": int(given["user"])}


def _care_team(scene: Scene, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"care_team_id": given["care_team"]}


def _patients_care_team(scene: Scene, given: Mapping[str, Any]) -> dict[str, Any]:
    team = scene.step.person().kept.care_team
    if team is None:
        raise StepFailed("no_care_team", _t("The patient has no care team."))
    return {"care_team": team}


def _patients_practitioner(scene: Scene, given: Mapping[str, Any]) -> dict[str, Any]:
    practitioner = scene.practitioner
    if practitioner is None or practitioner.user is None:
        raise StepFailed("no_practitioner", _t("Nobody who signs in is responsible for this patient."))
    return {"assignee": practitioner.user}


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to say whose task it is. ``asks`` is the form field it needs to have filled in."""

    label: Any
    whose: Callable[[Scene, Mapping[str, Any]], dict[str, Any]]
    asks: str = ""


KINDS: Mapping[str, Kind] = {
    "role": Kind(_("a role"), _role, asks="role"),
    "user": Kind(_("one colleague"), _colleague, asks="user"),
    "care_team": Kind(_("a care team"), _care_team, asks="care_team"),
    "patients_care_team": Kind(_("the patient's care team"), _patients_care_team),
    "practitioner": Kind(_("the practitioner"), _patients_practitioner),
}


def care_team_choices() -> list[tuple[str, str]]:
    return [("", "—"), *((str(team.pk), team.name) for team in CareTeam.objects.all())]


class TaskForm(forms.Form):
    title = LineField(label=_("Title"), max_length=200)
    description = TemplateField(label=_("Description"), widget=forms.Textarea, required=False)
    assign_to = forms.ChoiceField(
        label=_("For"), choices=[(name, kind.label) for name, kind in KINDS.items()]
    )
    role = forms.ChoiceField(label=_("Role"), choices=optional_role_choices, required=False)
    user = forms.ChoiceField(label=_("Colleague"), choices=colleague_choices, required=False)
    care_team = forms.ChoiceField(label=_("Care team"), choices=care_team_choices, required=False)
    due_amount = forms.IntegerField(label=_("Due in"), min_value=0, max_value=1000, required=False)
    due_unit = forms.ChoiceField(
        label=_("Unit"), choices=[("hours", _("hours")), ("days", _("days"))], initial="days", required=False
    )
    priority = forms.ChoiceField(
        label=_("Priority"), choices=Task.Priority.choices, initial=Task.Priority.NORMAL, required=False
    )
    checklist = forms.CharField(
        label=_("Checklist"), widget=forms.Textarea, required=False, help_text=_("One item per line.")
    )
    dedupe_key = LineField(
        label=_("Reason key"), max_length=200, required=False, declared=REFERENCES,
        help_text=_("While a task with this key is open, it is used instead of a new one: “call-back {{ patient.id }}”."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["due_unit"] = cleaned.get("due_unit") or "days"
        cleaned["priority"] = cleaned.get("priority") or Task.Priority.NORMAL
        asked = KINDS[cleaned["assign_to"]].asks if "assign_to" in cleaned else ""
        if asked and not cleaned.get(asked):
            self.add_error(asked, _("Say which."))
        return cleaned


def create_task(step: Step, given: Mapping[str, Any]) -> Outcome:
    """Open the task, or find the one that this step, or the same reason, has opened already."""
    return _done(Task.open_once(_task(step, given)))


def create_tasks(steps: Sequence[Step], given: Mapping[str, Any]) -> Sequence[Outcome]:
    """The same for many runs that stand at the same step."""
    tasks = [_task(step, given) for step in steps]
    return [_done(task) for task in Task.open_many(tasks, causes=[step.cause for step in steps])]


def _task(step: Step, given: Mapping[str, Any]) -> Task:
    scene, event = Scene(step), step.event
    amount, unit = given["due_amount"], UNITS[given["due_unit"]]
    return Task(
        title=scene.fill(given["title"], line=True)[:200],
        description=scene.fill(given["description"]),
        due_at=None if amount is None else step.at + amount * unit,
        priority=given["priority"],
        checklist=[
            {"text": line.strip(), "done": False} for line in given["checklist"].splitlines() if line.strip()
        ],
        patient=scene.patient,
        about_type=event.subject_type,
        about_id=event.subject_id,
        origin=step.key,
        dedupe_key=scene.fill(given["dedupe_key"], line=True)[:200],
        **KINDS[given["assign_to"]].whose(scene, given),
    )


def _done(task: Task) -> Outcome:
    return Done({"type": Task._meta.label, "id": str(task.pk)})


def say(given: Mapping[str, Any]) -> str:
    whose = role_labels()[given["role"]] if given["assign_to"] == "role" else KINDS[given["assign_to"]].label
    return _t("create the task “%(title)s” for %(whose)s") % {"title": given["title"], "whose": whose}


actions.add(
    Action(
        name="create_task",
        label=_("Create a task"),
        form=TaskForm,
        run=create_task,
        run_many=create_tasks,
        says=say,
        needs=lambda given, subject: frozenset({"patients.add_task"}) | told_by(TaskForm, given),
        causes=(events.TASK_CREATED,),
        icon="task_alt",
    )
)
