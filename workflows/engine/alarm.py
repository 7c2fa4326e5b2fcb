"""Telling people that something needs them, and stopping what must not go on."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careops.access.actor import Actor
from workflows.catalogue import acting
from workflows.catalogue.ports import ops_alert
from workflows.models import Automation, InboundMessage, StepRun

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
    event = step.run.event
    # Part of the chain that led here: an automation that listens to new tasks must not go on for ever.
    with acting(
        Actor.system(),
        correlation_id=event.correlation_id,
        caused_by=step.run_id,
        depth=event.depth + 1,
    ):
        ops_alert(
            key=f"run-failed:{step.run_id}",
            title=_("A run failed for good"),
            detail=_("Step %(key)s: %(code)s. Look at the run, mend the cause, then retry the step.")
            % {"key": step.key, "code": step.error_code},
        )


def version_is_unreadable(automation_id: UUID, error: str) -> None:
    """A live version names something the code does not know any more; it cannot run until it is published anew."""
    ops_alert(
        key=f"version-unreadable:{automation_id}",
        title=_("An automation cannot run any more"),
        detail=_("Its published version cannot be read (%(error)s). Mend the draft and publish it.")
        % {"error": error},
        about=Automation.objects.get(pk=automation_id),
    )


def endpoint_is_unreadable(endpoint_id: UUID) -> None:
    """An endpoint's subscriptions or vocabulary make no sense to this version of the code."""
    ops_alert(
        key=f"endpoint-unreadable:{endpoint_id}",
        title=_("A webhook endpoint is told of nothing"),
        detail=_("Its vocabulary or its list of events cannot be read. Open it and save it anew."),
    )


def message_is_dead(message: InboundMessage) -> None:
    """A stored message failed every time, or took its worker down each time."""
    ops_alert(
        key=f"inbound-dead:{message.pk}",
        title=_("A stored message cannot be read"),
        detail=_("Message %(id)s failed every time. Look at the dead letters.")
        % {"id": str(message.pk)[-8:]},
    )
