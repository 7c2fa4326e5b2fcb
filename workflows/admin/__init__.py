"""The engine in the staff area: building automations, reading what they did, mending what got stuck."""

from workflows.admin import automation, delivery, event_record, nonmatch, run, timeline, version

__all__ = ["automation", "delivery", "event_record", "nonmatch", "run", "timeline", "version"]
