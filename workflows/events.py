"""The engine's own events: what happens to automations, messages that went out, messages that came in."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from workflows.catalogue.event import Event, Kind, events

_AUTOMATION: dict[str, Any] = {"subject": "workflows.Automation", "patient": None}
_MOVED = ("from", "to")

AUTOMATION_CREATED = Event(
    name="automation.created", says=_("Somebody began a new automation."), kind=Kind.CREATED, carries=("to",),
    **_AUTOMATION,
)  # fmt: skip
AUTOMATION_UPDATED = Event(
    name="automation.updated", says=_("An automation's draft was edited."), kind=Kind.UPDATED, carries=("changed",),
    unless=_("Not sent when only its steps changed."), **_AUTOMATION,
)  # fmt: skip
AUTOMATION_PUBLISHED = Event(
    name="automation.published", says=_("A version of an automation went live."), kind=Kind.TRANSITION,
    carries=(*_MOVED, "number"), **_AUTOMATION,
)  # fmt: skip
AUTOMATION_PAUSED = Event(
    name="automation.paused", says=_("An automation was paused, by a person or by the engine's limits."),
    kind=Kind.TRANSITION, carries=_MOVED, **_AUTOMATION,
)  # fmt: skip
AUTOMATION_RESUMED = Event(
    name="automation.resumed", says=_("A paused automation goes on."), kind=Kind.TRANSITION, carries=_MOVED,
    **_AUTOMATION,
)  # fmt: skip
AUTOMATION_ARCHIVED = Event(
    name="automation.archived", says=_("An automation was put away."), kind=Kind.TRANSITION, carries=_MOVED,
    **_AUTOMATION,
)  # fmt: skip

_ENDPOINT: dict[str, Any] = {"subject": "workflows.Endpoint", "patient": None}

ENDPOINT_CREATED = Event(
    name="endpoint.created",
    says=_("A webhook endpoint was added."),
    kind=Kind.CREATED,
    carries=("to",),
    **_ENDPOINT,
)
ENDPOINT_UPDATED = Event(
    name="endpoint.updated", says=_("A webhook endpoint was edited."), kind=Kind.UPDATED, carries=("changed",),
    **_ENDPOINT,
)  # fmt: skip
ENDPOINT_PAUSED = Event(
    name="endpoint.paused", says=_("Deliveries to an endpoint were paused."), kind=Kind.TRANSITION, carries=_MOVED,
    **_ENDPOINT,
)  # fmt: skip
ENDPOINT_RESUMED = Event(
    name="endpoint.resumed", says=_("Deliveries to an endpoint go on."), kind=Kind.TRANSITION, carries=_MOVED,
    **_ENDPOINT,
)  # fmt: skip
ENDPOINT_DISABLED = Event(
    name="endpoint.disabled", says=_("An endpoint was switched off because it is gone or kept failing."),
    kind=Kind.TRANSITION, carries=_MOVED, **_ENDPOINT,
)  # fmt: skip

events.declare(
    (
        AUTOMATION_CREATED, AUTOMATION_UPDATED, AUTOMATION_PUBLISHED, AUTOMATION_PAUSED, AUTOMATION_RESUMED,
        AUTOMATION_ARCHIVED, ENDPOINT_CREATED, ENDPOINT_UPDATED, ENDPOINT_PAUSED, ENDPOINT_RESUMED, ENDPOINT_DISABLED,
    )
)  # fmt: skip
