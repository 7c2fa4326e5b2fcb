"""The only door to a record in the staff area."""

from __future__ import annotations

from unfold.admin import ModelAdmin


class RecordAdmin(ModelAdmin):
    """Any record."""


class MachineAdmin(RecordAdmin):
    """A record with a state."""

    state_colors: dict[str, str] = {}

    def state_badge(self, obj):
        return obj.get_state_display()
