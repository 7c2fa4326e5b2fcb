"""Publishing: a draft is checked as a whole, frozen as a numbered version, and goes live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from workflows.catalogue import NotPermitted
from workflows.catalogue.action import Action, actions
from workflows.catalogue.event import Event, events
from workflows.catalogue.fact import facts
from workflows.catalogue.registry import UnknownName
from workflows.conditions import Group, needed_to_read, parse, sentence
from workflows.engine.limits import MAX_STEPS
from workflows.models import Automation, AutomationVersion, Step


def publish(automation: Automation, *, by: Actor) -> AutomationVersion:
    """Freeze the draft as the next version and make it live.

    The version may do what its steps need and read what its conditions ask, and a publisher may hand out only
    permissions they hold. Raises NotPermitted for a missing one, ValidationError with everything that is wrong with the
    draft; then nothing was published.
    """
    with transaction.atomic():
        draft = Automation.objects.select_for_update(of=("self",)).get(pk=automation.pk)
        steps = list(draft.steps.all())
        permissions = check(draft, steps)
        if not by.has_perm("workflows.publish_automation"):
            raise NotPermitted("publish", "workflows.publish_automation")
        for permission in sorted(permissions):
            if not by.has_perm(permission):
                raise NotPermitted("publish", permission)
        last = draft.versions.order_by("-number").first()
        version = AutomationVersion.objects.create(
            automation=draft,
            number=last.number + 1 if last else 1,
            definition=definition(draft, steps),
            permissions=sorted(permissions),
            sentence=in_words(draft, steps),
            published_by=by.user,
        )
        draft.perform("publish", by=by, version=version)
        audit(AuditEntry.Act.PUBLISH, by, Automation, [draft.pk])
    return version


def definition(automation: Automation, steps: Sequence[Step]) -> dict[str, Any]:
    """The draft as plain JSON: what a version keeps and a program is read from."""
    return {
        "trigger": automation.trigger,
        "conditions": automation.conditions,
        "lane": automation.lane,
        "steps": [
            {
                "key": step.key,
                "action": step.action,
                "parameters": step.parameters,
                "only_if": step.only_if,
                "otherwise": step.otherwise,
                "on_failure": step.on_failure,
            }
            for step in steps
        ],
    }


def check(automation: Automation, steps: Sequence[Step]) -> frozenset[str]:
    """Everything the draft needs to run; returns the permissions it asks for. Raises ValidationError with all faults."""
    faults: list[str] = []
    triggers = _triggers(automation.trigger, faults)
    subjects = {event.subject for event in triggers}
    permissions = set(_check_conditions(automation.conditions, triggers, _("Conditions"), faults))
    if not steps:
        faults.append(_("It has no steps."))
    if len(steps) > MAX_STEPS:
        faults.append(_("It has more than %(number)s steps.") % {"number": MAX_STEPS})
    for number, step in enumerate(steps, start=1):
        place = _("Step %(number)s") % {"number": number}
        permissions |= _check_conditions(step.only_if, triggers, place, faults)
        checked = _checked(step, place, faults)
        if checked is None:
            continue
        action, given = checked
        if action.needs_patient and any(event.patient is None for event in triggers):
            faults.append(_("%(place)s needs a patient, and the trigger has none.") % {"place": place})
        permissions |= {one for subject in subjects for one in action.needs(given, subject)}
    if faults:
        raise ValidationError(faults)
    return frozenset(permissions)


def _triggers(name: str, faults: list[str]) -> list[Event]:
    try:
        return events.named(name)
    except UnknownName as error:
        faults.append(str(error))
        return []


def _check_conditions(
    stored: Mapping[str, Any], triggers: Sequence[Event], place: str, faults: list[str]
) -> frozenset[str]:
    """The permissions that reading their facts takes."""
    try:
        tree = parse(stored)
    except ValidationError as error:
        faults.extend(f"{place}: {message}" for message in error.messages)
        return frozenset()
    for ref in sorted(tree.fact_refs()):
        if ref.name not in facts:
            continue
        model = facts.get(ref.name).model
        if not all(_answerable(model, event) for event in triggers):
            faults.append(
                _("%(place)s asks for %(fact)s, which the trigger cannot answer.")
                % {"place": place, "fact": facts.get(ref.name).label}
            )
    return needed_to_read(tree.fact_refs())


def _answerable(model: str, event: Event) -> bool:
    return model == event.subject or (model == settings.PERSON_MODEL and event.patient is not None)


def _checked(step: Step, place: str, faults: list[str]) -> tuple[Action, Mapping[str, Any]] | None:
    try:
        action = actions.get(step.action)
    except UnknownName as error:
        faults.append(f"{place}: {error}")
        return None
    form = action.form(data=step.parameters)
    if form.is_valid():
        return action, form.cleaned_data
    faults.extend(
        f"{place}: {_field_label(form, name)}: {text}"
        for name, texts in form.errors.items()
        for text in texts
    )
    return None


def _field_label(form: forms.Form, name: str) -> str:
    return str(form.fields[name].label or name) if name in form.fields else _("its parameters")


def in_words(automation: Automation, steps: Sequence[Step]) -> str:
    """The whole automation, read back: one line for when, one for if, one per step."""
    lines = [_("When %(event)s happens,") % {"event": automation.trigger}]
    tree = parse(automation.conditions)
    if tree.fact_refs():
        lines.append(_("if %(conditions)s,") % {"conditions": sentence(tree)})
    for number, step in enumerate(steps, start=1):
        lines.append(f"{number}. {say_step(step)}")
    return "\n".join(lines)


def say_step(step: Step) -> str:
    """One step in words; an unfinished one says so instead."""
    action = actions.get(step.action)
    form = action.form(data=step.parameters)
    said = (
        action.says(form.cleaned_data)
        if form.is_valid()
        else _("%(action)s (unfinished)") % {"action": action.label}
    )
    tree: Group = parse(step.only_if)
    if tree.fact_refs():
        otherwise = step.get_otherwise_display()
        return _("%(step)s, only if %(conditions)s, otherwise %(otherwise)s") % {
            "step": capfirst(said), "conditions": sentence(tree), "otherwise": otherwise,
        }  # fmt: skip
    return capfirst(said)
