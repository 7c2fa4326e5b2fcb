"""Building automations in tests the way the admin does, and letting the engine work them off."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from careops.access.actor import Actor
from workflows.engine import following
from workflows.engine.dispatch import dispatch
from workflows.engine.drain import drain
from workflows.engine.publish import publish
from workflows.models import Automation, AutomationVersion, EventRecord, Step


def draft(trigger: str, *steps: dict[str, Any], name: str = "An automation", **fields: Any) -> Automation:
    """An unpublished automation; each step is {"action": …, "parameters": …} and whatever else a Step has."""
    automation = Automation(name=name, trigger=trigger, **fields)
    automation.save()
    for position, step in enumerate(steps):
        Step.objects.create(automation=automation, position=position, **step)
    return automation


def live(
    trigger: str, *steps: dict[str, Any], name: str = "An automation", **fields: Any
) -> AutomationVersion:
    """A published automation, by the system."""
    return publish(draft(trigger, *steps, name=name, **fields), by=Actor.system())


def settle() -> None:
    """What happened is numbered and what follows from it is begun; steps that are due stay so."""
    while dispatch() + following.work("test", at_once=False):
        pass


def work_off() -> int:
    """Everything that is due, until nothing is."""
    total = 0
    while worked := sum(drain(lane, until_empty=True, seconds=30) for lane in ("bulk", "send")):
        total += worked
    return total


def names() -> list[str]:
    """The names of all events, oldest first."""
    return list(EventRecord.objects.order_by("id").values_list("name", flat=True))


STOP = {"action": "stop", "parameters": {}}
TASK = {
    "action": "create_task",
    "parameters": {"title": "Call back", "assign_to": "role", "role": "clinician"},
}


class Threads(Executor):
    """Threads that do nothing until they are told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.waiting.append(fn)

    def run(self) -> None:
        """Let each that was started go to work until it has nothing to do."""
        while self.waiting:
            self.waiting.pop(0)()
