"""The engine's tables: the event log, automations, runs, and four queues. Imports run downwards in this list."""

from workflows.models.event_record import EventRecord, event_recorded
from workflows.models.queue import OVER, Drainer, Lane, Queued, QueueState

from workflows.models.automation import Automation, AutomationVersion, Step  # isort: skip
from workflows.models.run import NonMatch, Run, StepRun  # isort: skip
from workflows.models.endpoint import Endpoint  # isort: skip
from workflows.models.delivery import Delivery  # isort: skip
from workflows.models.inbound import InboundMessage  # isort: skip
from workflows.models.event_batch import EventBatch  # isort: skip

__all__ = [
    "OVER",
    "Automation",
    "AutomationVersion",
    "Delivery",
    "Drainer",
    "Endpoint",
    "EventBatch",
    "EventRecord",
    "InboundMessage",
    "Lane",
    "NonMatch",
    "QueueState",
    "Queued",
    "Run",
    "Step",
    "StepRun",
    "event_recorded",
]
