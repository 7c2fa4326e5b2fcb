"""A run's story: what it answered, what its conditions saw, and each step with what it was given and brought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext as _

from careops.surfaces.links import link_to
from careops.surfaces.timeline import Link
from workflows.admin.links import for_reader, page_of
from workflows.admin.operations import Button, buttons
from workflows.admin.timeline import TONES
from workflows.catalogue import actions, reactions
from workflows.models import Delivery, EventRecord, QueueState, Run, StepRun
from workflows.traces import Line, lines_of


@dataclass(frozen=True, slots=True)
class StepStory:
    """One step, for people. ``row`` is None for a step that was not reached (yet)."""

    number: int
    label: str
    row: StepRun | None = None
    tone: str = ""
    verdicts: Sequence[Line] = ()
    given: Sequence[tuple[str, str]] = ()
    result: Sequence[tuple[str, str]] = ()
    made: Sequence[Link] = ()
    deliveries: Sequence[tuple[Link, str, str]] = ()
    buttons: Sequence[Button] = ()


def told(request: HttpRequest, run: Run) -> list[StepStory]:
    """The steps that were begun, then those still ahead of a run under way."""
    rows = list(run.steps.order_by("position").prefetch_related("deliveries"))
    stories = [_step(request, run, row) for row in rows]
    if run.version is None or run.state != Run.State.RUNNING:
        return stories
    begun = {row.key for row in rows}
    return [*stories, *_ahead(run, begun)]


def _ahead(run: Run, begun: set[str]) -> Iterator[StepStory]:
    for number, step in enumerate(run.version.definition["steps"], start=1):
        if step["key"] not in begun:
            yield StepStory(number, label_of(step["action"]))


def _step(request: HttpRequest, run: Run, row: StepRun) -> StepStory:
    return StepStory(
        number=row.position,
        label=label_of(row.action),
        row=row,
        tone=TONES.get(row.state, "info"),
        verdicts=list(lines_of(row, request.user)),
        given=list(given(row)),
        result=list(brought(row.result)),
        made=for_reader(request, made(row.result)),
        deliveries=[_delivery(request, delivery) for delivery in row.deliveries.all()],
        buttons=buttons(request, row, *_possible(run, row)),
    )


def _possible(run: Run, row: StepRun) -> list[str]:
    """What could be done about the step now; the engine has the last word."""
    if row.state == QueueState.FAILED:
        may_go_on = run.state in (Run.State.RUNNING, Run.State.FAILED)
        return ["retry_step", "skip_step"] if may_go_on and run.version_id else ["retry_step"]
    waits = row.state in (QueueState.DUE, QueueState.WAITING, QueueState.PAUSED)
    return ["skip_step"] if waits and run.state == Run.State.RUNNING else []


def _delivery(request: HttpRequest, delivery: Delivery) -> tuple[Link, str, str]:
    link = page_of(request, "workflows.Delivery", delivery.pk, str(delivery))
    return link, delivery.get_state_display(), TONES.get(delivery.state, "info")


def label_of(action: str) -> str:
    if action in actions:
        return str(actions.get(action).label)
    return str(reactions.get(action).says) if action in reactions else action


# ── What a step was given ─────────────────────────────────────────────────────────────────────────────────
def given(row: StepRun) -> Iterator[tuple[str, str]]:
    """The parameters by the labels of the action's form, choices by theirs."""
    if row.action not in actions:
        yield from ((name, str(value)) for name, value in row.input.items())
        return
    form = actions.get(row.action).form(data=row.input)
    for name, field in form.fields.items():
        if name in row.input:
            yield str(field.label or name), _shown(field, row.input[name])


def _shown(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.ModelChoiceField):
        try:
            return str(field.clean(value))
        except ValidationError:
            return str(value)
    if isinstance(field, forms.ChoiceField):
        labels = dict(_flat(field.choices))
        values = value if isinstance(value, list) else [value]
        return ", ".join(str(labels.get(str(one), one)) for one in values)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)


def _flat(choices: Any) -> Iterator[tuple[str, Any]]:
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from _flat(label)
        else:
            yield str(value), label


# ── What it brought ───────────────────────────────────────────────────────────────────────────────────────
def made(result: Mapping[str, Any]) -> Iterator[Link]:
    """Links to the records the step made; actions name them by type and id."""
    if "type" in result:
        for pk in result.get("ids") or [result.get("id")]:
            if pk:
                yield link_to(result["type"], pk)


def brought(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The rest of the result, as it stands there."""
    for name, value in result.items():
        if name not in ("type", "id", "ids") and value not in (None, "", [], {}):
            yield name, when(value) or str(value)


def when(written: Any) -> str:
    """A moment in a result or a log, for people; "" for what is none."""
    moment = parse_datetime(written) if isinstance(written, str) and "T" in written else None
    return date_format(localtime(moment), "DATETIME_FORMAT") if moment and is_aware(moment) else ""


def caused(run: Run) -> list[EventRecord]:
    """The events that came of the run, newest last."""
    return list(run.caused_events.order_by("id")[:50])
