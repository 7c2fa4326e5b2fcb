"""The public half of workflows: declarations and abstract bases. No tables here.

Domain apps import from this package and from ``workflows.conditions``, and nothing else of workflows.
"""

from workflows.catalogue.action import (
    Action,
    Answer,
    Done,
    Outcome,
    Step,
    StepFailed,
    Stop,
    TryLater,
    Until,
    actions,
)
from workflows.catalogue.errors import Conflict, IllegalTransition, MisusedMachine, NotPermitted
from workflows.catalogue.event import Event, Kind, events
from workflows.catalogue.fact import EventFact, Fact, Parameter, Privacy, ValueKind, event_facts, facts
from workflows.catalogue.machine import SILENT, Machine, Move, transition
from workflows.catalogue.ports import (
    Channel,
    Envelope,
    Fate,
    InboundSource,
    Malformed,
    Reaction,
    Sent,
    Unmatched,
    channels,
    envelopes,
    inbound_sources,
    ops_alert,
    provide_ops_alert,
    reactions,
)
from workflows.catalogue.record import Record, RecordQuerySet
from workflows.catalogue.recording import acting, cause, draft, emit, enqueue, on_behalf_of, quietly

__all__ = [
    "SILENT",
    "Action",
    "Answer",
    "Channel",
    "Conflict",
    "Done",
    "Envelope",
    "Event",
    "EventFact",
    "Fact",
    "Fate",
    "IllegalTransition",
    "InboundSource",
    "Kind",
    "Machine",
    "Malformed",
    "MisusedMachine",
    "Move",
    "NotPermitted",
    "Outcome",
    "Parameter",
    "Privacy",
    "Reaction",
    "Record",
    "RecordQuerySet",
    "Sent",
    "Step",
    "StepFailed",
    "Stop",
    "TryLater",
    "Unmatched",
    "Until",
    "ValueKind",
    "acting",
    "actions",
    "cause",
    "channels",
    "draft",
    "emit",
    "enqueue",
    "envelopes",
    "event_facts",
    "events",
    "facts",
    "inbound_sources",
    "on_behalf_of",
    "ops_alert",
    "provide_ops_alert",
    "quietly",
    "reactions",
    "transition",
]
