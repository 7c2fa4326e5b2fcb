"""The engine in the staff area: building automations, reading what they did, mending what got stuck."""

from workflows.admin import automation, timeline

__all__ = ["automation", "timeline"]
