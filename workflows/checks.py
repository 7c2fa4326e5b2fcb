"""What must be right before CareOps starts: ports that are needed have a provider, and django-q2 is told sane times."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from workflows.catalogue.event import events
from workflows.catalogue.machine import announced, machines
from workflows.catalogue.ports import channels, inbound_sources, ops_alert_provided
from workflows.engine.drain import LANES


@register()
def ports_have_providers(**kwargs: Any) -> list[CheckMessage]:
    """The engine must be able to tell people, to send, and to read every source that has a secret."""
    faults: list[CheckMessage] = []
    if not ops_alert_provided():
        faults.append(Error("No app provides OpsAlert: nobody would hear of a failure.", id="workflows.E001"))
    faults += [
        Error(f"No app provides the channel {name!r}.", id="workflows.E002")
        for name in ("webhook", "email")
        if name not in channels
    ]
    faults += [
        Error(
            f"CAREOPS has a secret for the inbound source {name!r}, which no app provides.",
            id="workflows.E003",
        )
        for name, secrets in settings.INBOUND_SECRETS.items()
        if secrets and name not in inbound_sources
    ]
    return faults


@register()
def machines_announce_declared_events(**kwargs: Any) -> list[CheckMessage]:
    """An event a transition announces is registered, and is about that machine."""
    return [
        Error(
            f"{model._meta.label}.{move.name} announces {event.name}, declared for {event.subject}.",
            id="workflows.E004",
        )
        for model in machines()
        for move in model.moves().values()
        for event in announced(move.announces)
        if event.name not in events or event.subject != model._meta.label
    ]


@register()
def queue_times_are_sane(**kwargs: Any) -> list[CheckMessage]:
    """A turn must end long before django-q2 takes it for lost: retry ≥ 10 × timeout (reliability study A1)."""
    queue = settings.Q_CLUSTER
    if settings.ENGINE["WORKERS"] < len(LANES):
        return [
            Error(f"CAREOPS_WORKERS must be at least {len(LANES)}: each lane needs one.", id="workflows.E006")
        ]
    if queue["retry"] < 10 * queue["timeout"]:
        return [Error("Q_CLUSTER: retry must be at least ten times timeout.", id="workflows.E005")]
    return []
