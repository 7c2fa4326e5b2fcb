"""Trying a draft on a real event: its conditions are asked and answered, nothing is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from workflows.catalogue import events
from workflows.catalogue.registry import UnknownName
from workflows.conditions import parse
from workflows.engine.facts import Question, gather
from workflows.engine.publish import say_step
from workflows.models import Automation, EventRecord
from workflows.traces import Line, Story, require_readable

MOST = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """A set of conditions and what they said; ``says`` is the step they belong to, "" for the automation's."""

    says: str
    holds: bool
    lines: Sequence[Line]


def candidates(automation: Automation, patient: str) -> list[EventRecord]:
    """The newest events that would start it; of one patient, if that is asked."""
    try:
        names = [event.name for event in events.named(automation.trigger)]
    except UnknownName:
        return []
    rows = EventRecord.objects.filter(name__in=names)
    if patient:
        try:
            rows = rows.filter(patient_id=UUID(patient))
        except ValueError:
            return []
    return list(rows.order_by("-id")[:MOST])


def rehearse(automation: Automation, event: EventRecord, *, by: Actor) -> list[Judged]:
    """The verdicts as of the moment of the event. Whoever reads them has looked at the patient's record.

    Raises NotPermitted where the draft asks for what they may not see; then nothing was asked.
    """
    asked = [("", automation.conditions)]
    for number, step in enumerate(automation.steps.all(), start=1):
        if step.only_if:
            asked.append((f"{number}. {say_step(step)}", step.only_if))
    for _says, conditions in asked:
        require_readable(parse(conditions, stored=True), by=by, to=_("Try it"))
    audit(AuditEntry.Act.VIEW, by, EventRecord, [event.pk], patient_id=event.patient_id)
    return [_judge(says, conditions, event, by) for says, conditions in asked]


def _judge(says: str, conditions: Mapping[str, Any], event: EventRecord, by: Actor) -> Judged:
    tree = parse(conditions, stored=True)
    values = gather([Question(event, event.occurred_at, frozenset(tree.fact_refs()), {})])[0]
    verdict = tree.evaluate(values, event.occurred_at)
    return Judged(says, verdict.holds, list(Story(conditions).lines(verdict.trace, by)))
