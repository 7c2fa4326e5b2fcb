"""The engine in the staff area: building automations, reading what they did, mending what got stuck."""

from workflows.admin import (
    automation,
    delivery,
    endpoint,
    event_record,
    inbound,
    nonmatch,
    run,
    timeline,
    version,
)

__all__ = [
    "automation",
    "delivery",
    "endpoint",
    "event_record",
    "inbound",
    "nonmatch",
    "run",
    "timeline",
    "version",
]
