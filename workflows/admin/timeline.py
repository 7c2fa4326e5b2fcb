"""What the engine knows about a record: the events told of it, the runs that answered, what was sent to the world."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.utils.translation import gettext as _

from careops.access.actor import ActorKind
from careops.access.models import ApiKey, User
from careops.surfaces.links import link_to
from careops.surfaces.timeline import Entry, Link, register_source
from workflows.catalogue import Kind, Machine, events, reactions
from workflows.models import Automation, Delivery, EventRecord, QueueState, Run

ICONS = {
    Kind.CREATED: "add_circle", Kind.UPDATED: "edit", Kind.DELETED: "delete", Kind.TRANSITION: "conversion_path",
    Kind.CLOCK: "schedule", Kind.INBOUND: "move_to_inbox", Kind.ENGINE: "settings",
}  # fmt: skip
TONES = {
    Run.State.DONE: "success", Run.State.FAILED: "danger", Run.State.CANCELLED: "warning",
    QueueState.DONE: "success", QueueState.FAILED: "danger", QueueState.HELD: "warning",
}  # fmt: skip


# ── Events ────────────────────────────────────────────────────────────────────────────────────────────────
@register_source
def told(label: str, pk: uuid.UUID, patient_id: uuid.UUID | None, limit: int) -> Sequence[Entry]:
    """The events about the subject; for a patient, about anything of theirs."""
    rows = EventRecord.objects.filter(
        **({"patient_id": patient_id} if patient_id else {"subject_type": label, "subject_id": pk})
    )
    found = list(rows.select_related("caused_by__automation", "caused_by__event").order_by("-id")[:limit])
    roots = [row.caused_by.event for row in found if row.caused_by]
    names = _names([*found, *roots])
    return [_as_entry(row, names, elsewhere=row.subject_id != pk) for row in found]


def _as_entry(row: EventRecord, names: Mapping[tuple[str, str], str], *, elsewhere: bool) -> Entry:
    page = link_to("workflows.EventRecord", row.pk)
    return Entry(
        at=row.occurred_at,
        icon=ICONS[events.get(row.name).kind] if row.name in events else "sensors",
        title=_says(row),
        who=_who(row, names),
        link=page.url,
        needs=page.needs,
        detail=_detail(row),
        about=link_to(row.subject_type, row.subject_id) if elsewhere else None,
        because=_because(row.caused_by, names) if row.caused_by else (),
    )


def _says(row: EventRecord) -> str:
    return str(events.get(row.name).says) if row.name in events else row.name


def _detail(row: EventRecord) -> str:
    """From which state to which, or which fields: names of things, never what was in them."""
    model = _model(row.subject_type)
    if "to" in row.data:
        states = model.states() if model and issubclass(model, Machine) else {}
        moved = [states.get(row.data[key], row.data[key]) for key in ("from", "to") if row.data.get(key)]
        return " → ".join(str(state) for state in moved)
    if row.data.get("changed"):
        return ", ".join(_label(model, name) for name in row.data["changed"])
    return ""


def _model(label: str) -> type[Model] | None:
    try:
        return apps.get_model(label)
    except LookupError:
        return None


def _label(model: type[Model] | None, name: str) -> str:
    try:
        return str(model._meta.get_field(name).verbose_name) if model else name
    except (FieldDoesNotExist, AttributeError):  # a field of an older release, or the far side of a relation
        return name


# ── Who, and why ──────────────────────────────────────────────────────────────────────────────────────────
def _names(rows: Iterable[EventRecord]) -> dict[tuple[str, str], str]:
    """The names of the colleagues, automations and keys that acted, in one query each."""
    ids: dict[str, set[str]] = {}
    for row in rows:
        ids.setdefault(row.actor_kind, set()).add(row.actor_id)
    names: dict[tuple[str, str], str] = {}
    if staff := ids.get(ActorKind.STAFF):
        for user in User.objects.filter(pk__in=staff):
            names[ActorKind.STAFF, str(user.pk)] = user.get_full_name()
    if automations := ids.get(ActorKind.AUTOMATION):
        for pk, name in Automation.objects.filter(pk__in=automations).values_list("pk", "name"):
            names[ActorKind.AUTOMATION, str(pk)] = _("automation “%(name)s”") % {"name": name}
    if keys := ids.get(ActorKind.INTEGRATOR):
        for pk, name in ApiKey.objects.filter(pk__in=keys).values_list("pk", "name"):
            names[ActorKind.INTEGRATOR, str(pk)] = _("integration “%(name)s”") % {"name": name}
    return names


def _who(row: EventRecord, names: Mapping[tuple[str, str], str]) -> str:
    unnamed = {
        ActorKind.STAFF: _("a colleague"),
        ActorKind.PATIENT: _("the patient"),
        ActorKind.INTEGRATOR: _("an integration"),
        ActorKind.AUTOMATION: _("an automation"),
        ActorKind.SYSTEM: _("CareOps"),
    }
    return names.get((row.actor_kind, row.actor_id)) or unnamed.get(row.actor_kind, row.actor_kind)


def _because(run: Run, names: Mapping[tuple[str, str], str]) -> tuple[Link, ...]:
    """The run that did it, the event the run answered, and whoever brought that about."""
    return (
        link_to("workflows.Run", run.pk, _run_title(run)),
        link_to("workflows.EventRecord", run.event_id, _says(run.event)),
        Link(_who(run.event, names)),
    )


# ── Runs and deliveries ───────────────────────────────────────────────────────────────────────────────────
@register_source
def answered(label: str, pk: uuid.UUID, patient_id: uuid.UUID | None, limit: int) -> Sequence[Entry]:
    """The runs that events about the subject started."""
    rows = Run.objects.filter(
        **({"patient_id": patient_id} if patient_id else {"subject_type": label, "subject_id": pk})
    )
    return [_run_entry(run) for run in rows.select_related("automation").order_by("-id")[:limit]]


def _run_entry(run: Run) -> Entry:
    page = link_to("workflows.Run", run.pk)
    return Entry(
        at=run.started_at, icon="play_circle", title=_run_title(run), link=page.url, needs=page.needs,
        detail=run.get_state_display(), tone=TONES.get(run.state, ""),
    )  # fmt: skip


def _run_title(run: Run) -> str:
    if run.automation:
        return _("Automation “%(name)s”") % {"name": run.automation.name}
    says = reactions.get(run.reaction).says if run.reaction in reactions else run.reaction
    return _("Built in: %(says)s") % {"says": says}


@register_source
def sent(label: str, pk: uuid.UUID, patient_id: uuid.UUID | None, limit: int) -> Sequence[Entry]:
    """What was sent to the world about the subject. A patient's messages tell of themselves, by their events."""
    rows = Delivery.objects.filter(subject_type=label, subject_id=pk).select_related("endpoint")
    return [_delivery_entry(delivery) for delivery in rows.order_by("-id")[:limit]]


def _delivery_entry(delivery: Delivery) -> Entry:
    page = link_to("workflows.Delivery", delivery.pk)
    title = (
        _("Webhook to “%(name)s”") % {"name": delivery.endpoint.name}
        if delivery.endpoint
        else _("Sent by %(channel)s") % {"channel": delivery.channel}
    )
    return Entry(
        at=delivery.created_at, icon="outbox", title=title, link=page.url, needs=page.needs,
        detail=delivery.get_state_display(), tone=TONES.get(delivery.state, ""),
    )  # fmt: skip
