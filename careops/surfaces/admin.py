"""The staff area's base classes: every admin of a record is one of these two."""

from careops.surfaces.machines import MachineAdmin
from careops.surfaces.records import RecordAdmin

__all__ = ["MachineAdmin", "RecordAdmin"]
