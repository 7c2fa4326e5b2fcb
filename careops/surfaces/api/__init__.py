"""The API's base classes: every rule that holds for the whole API stands here, and a noun's own file only declares.

One file per noun (``patients/api/task.py``): its serializer, its filters, its viewset; one line in ``careops/api.py``.
"""

from careops.surfaces.api.filters import (
    Choice,
    Filters,
    Moment,
    RecordFilters,
    ReferenceFilter,
    Text,
    YesNo,
    choice_filter,
    state_filter,
)
from careops.surfaces.api.machines import MachineViewSet
from careops.surfaces.api.records import Creates, Edits, ListViewSet, RecordViewSet
from careops.surfaces.api.serializers import PartSerializer, RecordSerializer, Reference, ReferenceByName

__all__ = [
    "Choice",
    "Creates",
    "Edits",
    "Filters",
    "ListViewSet",
    "MachineViewSet",
    "Moment",
    "PartSerializer",
    "RecordFilters",
    "RecordSerializer",
    "RecordViewSet",
    "Reference",
    "ReferenceByName",
    "ReferenceFilter",
    "Text",
    "YesNo",
    "choice_filter",
    "state_filter",
]
