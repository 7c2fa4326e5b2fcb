"""Telling people that something needs them, and stopping what must not go on."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careops.access.actor import Actor
from workflows.catalogue.ports import ops_alert
from workflows.models import Automation, Delivery, StepRun

REASONS = {
    "too_deep": gettext_lazy("Events kept causing events: it is part of a loop."),
    "too_often": gettext_lazy("It ran more than 20 times in an hour about the same record."),
}


def pause_automation(automation_id: UUID, reason: str) -> None:
    """Pause it, once, and open an item of work that says why."""
    automation = Automation.objects.select_for_update(of=("self",)).get(pk=automation_id)
    if automation.state != Automation.State.LIVE:
        return
    automation.perform("pause", by=Actor.system(), reason=str(REASONS[reason]))
    ops_alert(
        key=f"automation-paused:{automation.pk}:{automation.version}",
        title=_("Automation “%(name)s” was paused") % {"name": automation.name},
        detail=str(REASONS[reason]),
        about=automation,
    )


def step_is_dead(step: StepRun) -> None:
    """A step failed for good: somebody has to decide. Once per run, however many of its steps fail."""
    ops_alert(
        key=f"run-failed:{step.run_id}",
        title=_("A run failed for good"),
        detail=_("Step %(key)s: %(code)s. Look at the run, mend the cause, then retry the step.")
        % {"key": step.key, "code": step.error_code},
    )


def delivery_is_held(delivery: Delivery) -> None:
    """Nobody knows whether it went out; a person decides."""
    ops_alert(
        key=f"delivery-held:{delivery.pk}",
        title=_("It is unknown whether a message was sent"),
        detail=_("The worker vanished while sending. Find out, then mark it sent or send it again."),
    )
