"""A published version, read once into objects: what the dispatcher matches and the steps run by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from careops.access.actor import Actor
from workflows.catalogue.action import Action, actions
from workflows.catalogue.event import Event, events
from workflows.conditions import FactRef, Group, parse
from workflows.models import AutomationVersion


@dataclass(frozen=True, slots=True)
class ProgramStep:
    """One step as published. Parameters stay JSON and are cleaned by the action's form when the step runs."""

    key: str
    position: int
    action: str
    parameters: Mapping[str, Any]
    only_if: Group
    otherwise: str
    on_failure: str

    def resolve(self) -> Action:
        return actions.get(self.action)


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """One published version of one automation; there is one object per version and process."""

    version_id: UUID
    automation_id: UUID
    number: int
    trigger: str
    conditions: Group
    refs: frozenset[FactRef]
    lane: str
    steps: tuple[ProgramStep, ...]
    permissions: frozenset[str]

    @property
    def actor(self) -> Actor:
        return Actor.automation(self.automation_id, self.permissions)

    def step(self, key: str) -> ProgramStep:
        return next(step for step in self.steps if step.key == key)

    def after(self, key: str) -> ProgramStep | None:
        """The step that follows, or None at the end. Only forward: that is why every run ends."""
        place = next(index for index, step in enumerate(self.steps) if step.key == key)
        return self.steps[place + 1] if place + 1 < len(self.steps) else None

    def events(self) -> list[Event]:
        """The events that can start it. Raises UnknownName for a trigger nobody declares any more."""
        return events.named(self.trigger)


def read(version_id: UUID, automation_id: UUID, number: int, definition: Mapping[str, Any],
         permissions: Iterable[str]) -> Program:  # fmt: skip
    """Raises ValidationError or UnknownName when the code no longer knows something the version names."""
    conditions = parse(definition["conditions"], stored=True)
    return Program(
        version_id=version_id,
        automation_id=automation_id,
        number=number,
        trigger=definition["trigger"],
        conditions=conditions,
        refs=frozenset(conditions.fact_refs()),
        lane=definition["lane"],
        steps=tuple(
            ProgramStep(
                key=step["key"],
                position=position,
                action=step["action"],
                parameters=step["parameters"],
                only_if=parse(step["only_if"], stored=True),
                otherwise=step["otherwise"],
                on_failure=step["on_failure"],
            )
            for position, step in enumerate(definition["steps"], start=1)
        ),
        permissions=frozenset(permissions),
    )


@lru_cache(maxsize=2048)
def program(version_id: UUID) -> Program:
    """The program of a version. Versions never change, so it is read once per process."""
    version = AutomationVersion.objects.get(pk=version_id)
    return read(version.pk, version.automation_id, version.number, version.definition, version.permissions)
