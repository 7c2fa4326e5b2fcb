"""Actions that belong to no domain: wait, stop, call a webhook, make a legal transition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from workflows.catalogue import (
    Action,
    Answer,
    Done,
    Outcome,
    Step,
    StepFailed,
    Stop,
    Until,
    ValueKind,
    actions,
    facts,
)
from workflows.catalogue.machine import Machine, machines
from workflows.models import Delivery, Endpoint

UNITS = {
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
}
UNIT_CHOICES = [
    ("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days")), ("weeks", _("weeks")),
]  # fmt: skip


def date_facts() -> list[tuple[str, Any]]:
    """The facts a wait may be aimed at."""
    return [("", "—"), *((fact.name, fact.label) for fact in facts if fact.kind is ValueKind.DATE)]


class WaitForm(forms.Form):
    """Either for a while, or until a date of the record (plus or minus a while); then, if wanted, until a time of day."""

    amount = forms.IntegerField(label=_("Wait"), min_value=0, max_value=10_000, initial=1, required=False)
    unit = forms.ChoiceField(label=_("Unit"), choices=UNIT_CHOICES, initial="days", required=False)
    field = forms.ChoiceField(
        label=_("Counted from"), choices=date_facts, required=False,
        help_text=_("Leave empty to count from the moment this step is reached."),
    )  # fmt: skip
    direction = forms.ChoiceField(
        label=_("Before or after it"), choices=[("after", _("after")), ("before", _("before"))], initial="after",
        required=False,
    )  # fmt: skip
    time_of_day = forms.TimeField(
        label=_("Then until"),
        required=False,
        help_text=_("A time of day where the patient lives, such as 09:00."),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["amount"] = cleaned.get("amount") or 0
        cleaned["unit"] = cleaned.get("unit") or "days"
        cleaned["direction"] = cleaned.get("direction") or "after"
        if cleaned["direction"] == "before" and not cleaned.get("field"):
            self.add_error("field", _("Choose the date that the wait shall end before."))
        if not (cleaned["amount"] or cleaned.get("field") or cleaned.get("time_of_day")):
            self.add_error("amount", _("Say how long to wait."))
        return cleaned


def wait_needs(given: Mapping[str, Any], subject_type: str) -> frozenset[str]:
    """The run's page says until when it waits, which tells the date it was counted from."""
    return frozenset({facts.get(given["field"]).needs} if given["field"] else ())


def wait(step: Step, given: Mapping[str, Any]) -> Outcome:
    """Rest until the moment described; one that has passed already means no wait at all."""
    start: datetime = step.at
    if given["field"]:
        value = step.fact(given["field"])
        if value is None:
            raise StepFailed("no_date", _t("The record has no such date to wait for."))
        start = value if isinstance(value, datetime) else midnight(value, step)
    offset = given["amount"] * UNITS[given["unit"]]
    moment = start - offset if given["direction"] == "before" else start + offset
    if given["time_of_day"]:
        moment = next_time_of_day(moment, given["time_of_day"], step)
    return Until(moment, {"until": moment.isoformat()})


def zone_of(step: Step) -> ZoneInfo:
    """Where the patient lives; UTC for an event without one."""
    return ZoneInfo(step.person().timezone_name if step.event.patient_id else "UTC")


def midnight(day: date, step: Step) -> datetime:
    """The moment a day begins where the patient lives."""
    return datetime(day.year, day.month, day.day, tzinfo=zone_of(step))


def next_time_of_day(moment: datetime, time: Any, step: Step) -> datetime:
    """The first such time of day at or after the moment, by the wall clock where the patient lives."""
    local = moment.astimezone(zone_of(step))
    then = local.replace(hour=time.hour, minute=time.minute, second=0, microsecond=0)
    return then if then >= local else (then + timedelta(days=1)).replace(hour=time.hour, minute=time.minute)


def say_length(amount: int, unit: str) -> str:
    """ "1 minute", "2 days"."""
    words = {
        "minutes": ngettext("%(amount)s minute", "%(amount)s minutes", amount),
        "hours": ngettext("%(amount)s hour", "%(amount)s hours", amount),
        "days": ngettext("%(amount)s day", "%(amount)s days", amount),
        "weeks": ngettext("%(amount)s week", "%(amount)s weeks", amount),
    }
    return words[unit] % {"amount": amount}


def say_wait(given: Mapping[str, Any]) -> str:
    """ "wait 2 days", "wait until 1 day before the visit", "wait until 09:00 where the patient lives"."""
    parts = [_say_moment(given)] if given["amount"] or given["field"] else []
    if given["time_of_day"]:
        time = given["time_of_day"].strftime("%H:%M")
        parts.append(_t("wait until %(time)s where the patient lives") % {"time": time})
    return _t(", then ").join(parts)


def _say_moment(given: Mapping[str, Any]) -> str:
    length = say_length(given["amount"], given["unit"])
    if not given["field"]:
        return _t("wait %(length)s") % {"length": length}
    date = facts.get(given["field"]).label
    if not given["amount"]:
        return _t("wait until %(date)s") % {"date": date}
    if given["direction"] == "before":
        return _t("wait until %(length)s before %(date)s") % {"length": length, "date": date}
    return _t("wait until %(length)s after %(date)s") % {"length": length, "date": date}


class StopForm(forms.Form):
    reason = forms.CharField(label=_("Why"), max_length=200, required=False)


class WebhookForm(forms.Form):
    """The endpoint carries the address and the secrets; the step only names it."""

    endpoint = forms.ModelChoiceField(label=_("Endpoint"), queryset=Endpoint.objects.order_by("name"))


def call_webhook(step: Step, given: Mapping[str, Any]) -> Outcome:
    """Queue a signed POST and wait for its answer, which becomes this step's result."""
    return call_webhooks([step], given)[0]


def call_webhooks(steps: Sequence[Step], given: Mapping[str, Any]) -> Sequence[Outcome]:
    """The same for many runs that stand at the same step."""
    endpoint = given["endpoint"]
    if endpoint.state == Endpoint.State.DISABLED:
        raise StepFailed("endpoint_disabled", _t("The webhook endpoint is switched off."))
    deliveries = [step.delivery(endpoint, _body(step)) for step in steps]
    Delivery.queue(deliveries)
    return [Answer(delivery.key) for delivery in deliveries]


def _body(step: Step) -> dict[str, Any]:
    event = step.event
    return {
        "type": event.name,
        "timestamp": event.occurred_at.isoformat(),
        "data": {
            "event": str(event.uid),
            "subject": {"type": event.subject_type, "id": str(event.subject_id)},
            "patient": str(event.patient_id) if event.patient_id else None,
            **event.data,
        },
        "step": step.key,
    }


def transition_choices() -> list[tuple[str, list[tuple[str, Any]]]]:
    """Every move of every machine that people are offered, grouped by record."""
    return [
        (
            str(model._meta.verbose_name).capitalize(),
            [
                (f"{model._meta.label}:{move.name}", move.label)
                for move in model.moves().values()
                if move.offered
            ],
        )
        for model in sorted(machines(), key=lambda model: model._meta.label)
        if any(move.offered for move in model.moves().values())
    ]


class TransitionForm(forms.Form):
    transition = forms.ChoiceField(label=_("Move"), choices=transition_choices)


def _machine(value: str) -> tuple[type[Machine], str]:
    label, name = value.split(":")
    return next(model for model in machines() if model._meta.label == label), name


def perform_transition(step: Step, given: Mapping[str, Any]) -> Outcome:
    """Move the record the event is about, through the same door as a person."""
    model, name = _machine(given["transition"])
    subject = step.subject()
    if not isinstance(subject, model):
        raise StepFailed("other_record", _t("The event is about a different kind of record."))
    moved = subject.perform(name, by=step.actor)
    return Done({"id": str(moved.pk), "type": model._meta.label, "state": moved.state})


def say_transition(given: Mapping[str, Any]) -> str:
    model, name = _machine(given["transition"])
    return _t("move the %(record)s: %(move)s") % {
        "record": model._meta.verbose_name, "move": model.move(name).label,
    }  # fmt: skip


def transition_needs(given: Mapping[str, Any], subject_type: str) -> frozenset[str]:
    model, name = _machine(given["transition"])
    return frozenset([model.move(name).needs])


for _action in (
    Action(name="wait", label=_("Wait"), form=WaitForm, run=wait, says=say_wait, icon="hourglass_top",
           needs=wait_needs),
    Action(name="stop", label=_("Stop here"), form=StopForm, icon="stop_circle",
           run=lambda step, given: Stop(given["reason"]), needs=lambda given, subject_type: frozenset(),
           says=lambda given: _t("stop here")),
    Action(name="call_webhook", label=_("Call a webhook"), form=WebhookForm, run=call_webhook,
           run_many=call_webhooks, icon="webhook",
           needs=lambda given, subject_type: frozenset(["workflows.call_endpoint"]),
           says=lambda given: _t("call the webhook “%(name)s”") % {"name": given["endpoint"].name}),
    Action(name="perform_transition", label=_("Move the record"), form=TransitionForm, run=perform_transition,
           icon="moving", needs=transition_needs, says=say_transition),
):  # fmt: skip
    actions.add(_action)
