"""Actions: what a step does. One function plus one Django form for its parameters; never any I/O.

An action changes rows inside the step's transaction: a task, a transition, a message, a delivery. Senders do the talking
to the world, later and outside of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from django import forms
from django.db import models

from careops.access.actor import Actor
from workflows.catalogue.event import Event
from workflows.catalogue.recording import Cause
from workflows.catalogue.registry import Registry


@dataclass(frozen=True, slots=True)
class Done:
    """The step is finished. ``result`` holds references only and becomes ``step.<key>.result`` for later steps."""

    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Until:
    """The step rests until that moment and is then finished."""

    moment: datetime
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """The step rests until the queued delivery of that key is settled; its outcome is the step's result."""

    delivery_key: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The run ends here, successfully."""

    reason: str = ""


Outcome = Done | Until | Answer | Stop


class StepFailed(Exception):
    """This step cannot succeed however often it is tried. ``code`` is for machines, the text for people, without PHI."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class TryLater(Exception):
    """This attempt failed and a later one may succeed."""


class Step(Protocol):
    """What an action is told about the step it carries out."""

    @property
    def key(self) -> str:
        """Stable for all attempts of this step: use it for dedupe keys and external ids."""

    @property
    def actor(self) -> Actor:
        """The automation, with the permissions of its published version."""

    @property
    def cause(self) -> Cause:
        """On whose behalf and because of what this step changes anything; in force already while an action runs alone."""

    @property
    def at(self) -> datetime:
        """The moment of this attempt, by the database's clock."""

    @property
    def event(self) -> Any:
        """The EventRecord the run answers: name, data, occurred_at, subject_id, patient_id."""

    def subject(self) -> models.Model:
        """The record the event is about. Raises StepFailed when it is gone."""

    def person(self) -> Any:
        """The patient the event concerns. Raises StepFailed when there is none."""

    def fact(self, name: str, **parameters: int) -> Any:
        """The value of a fact as of this attempt, or None where there is none."""

    def delivery(self, endpoint: Any, body: Mapping[str, Any]) -> Any:
        """A webhook for the endpoint, under this step's key: however often it is queued, it is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A kind of step that staff may choose.

    ``needs`` are the permissions the automation must list, given the cleaned parameters: to do what it does, and to read
    what it tells; ``causes`` the events it may
    bring about (for the ripple check); ``subjects`` restricts it to events about these models ("" = any); ``says``
    turns the cleaned parameters into a sentence. ``run`` returns an Outcome or raises StepFailed or TryLater.
    ``run_many`` may do the same for many runs that stand at the same step, in a few statements instead of a few for
    each: it returns their outcomes in order, and where it raises anything, each is run alone instead.
    """

    name: str
    label: Any
    form: type[forms.Form]
    run: Callable[[Step, Mapping[str, Any]], Outcome]
    run_many: Callable[[Sequence[Step], Mapping[str, Any]], Sequence[Outcome]] | None = None
    says: Callable[[Mapping[str, Any]], str]
    needs: Callable[[Mapping[str, Any], str], frozenset[str]]
    causes: tuple[Event, ...] = ()
    needs_patient: bool = False
    icon: str = "bolt"


actions: Registry[Action] = Registry("Action")


def action_choices() -> list[tuple[str, Any]]:
    """For a model's field: a plain function, so that no migration ever holds an action's name."""
    return actions.choices(lambda action: action.label)
