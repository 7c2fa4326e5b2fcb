"""The staff area's base classes: every admin of a record is one of these two. And the one page that is the base's own."""

from careops.surfaces.api_key_admin import ApiKeyAdmin
from careops.surfaces.machines import MachineAdmin
from careops.surfaces.records import RecordAdmin

__all__ = ["ApiKeyAdmin", "MachineAdmin", "RecordAdmin"]
