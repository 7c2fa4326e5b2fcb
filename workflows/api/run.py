"""Runs over the API, to read: which automation answered which event, what its conditions saw, how each step went.

What a condition saw is shown to whoever holds the fact's permission; the verdict to everybody who may see runs. What a
step was given or found stays inside: the records that it made are named, and read at their own addresses.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from careops.surfaces.api import (
    Filters,
    PartSerializer,
    RecordSerializer,
    RecordViewSet,
    ReferenceFilter,
    Text,
    choice_filter,
)
from workflows.models import Run, StepRun
from workflows.traces import lines_of

LINES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["text", "holds", "depth"],
        "properties": {
            "text": {"type": "string"},
            "holds": {"type": "boolean"},
            "depth": {"type": "integer", "description": "How deep it stands inside groups."},
        },
    },
}
MADE = {
    "type": "object",
    "nullable": True,
    "required": ["type", "ids"],
    "properties": {
        "type": {"type": "string"},
        "ids": {"type": "array", "items": {"type": "string"}},
    },
}


@extend_schema_field(LINES)
class Verdicts(serializers.Field):
    """The trace of a run or a step, condition by condition, as its reader may see it."""

    def __init__(self) -> None:
        super().__init__(source="*", read_only=True)

    def to_representation(self, value: Run | StepRun) -> list[dict[str, Any]]:
        reader = self.context["view"].actor
        return [
            {"text": line.text, "holds": line.holds, "depth": line.depth} for line in lines_of(value, reader)
        ]


@extend_schema_field(MADE)
class Made(serializers.Field):
    """The records a step made, by type and id."""

    def to_representation(self, value: Any) -> dict[str, Any] | None:
        if "type" not in value:
            return None
        ids = value.get("ids") or [value.get("id")]
        return {"type": value["type"], "ids": [str(one) for one in ids if one]}


class StepRunSerializer(PartSerializer):
    only_if = Verdicts()
    made = Made(source="result", read_only=True)

    class Meta:
        model = StepRun
        fields = (
            "key", "position", "action", "state", "due_at", "attempts", "error_code", "only_if", "made", "created_at",
            "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class RunSerializer(RecordSerializer):
    event = serializers.UUIDField(source="event.uid", read_only=True)
    event_name = serializers.CharField(source="event.name", read_only=True)
    automation_name = serializers.CharField(source="automation.name", default="", read_only=True)
    published = serializers.IntegerField(
        source="version.number", default=None, read_only=True, allow_null=True
    )
    patient = serializers.UUIDField(source="patient_id", read_only=True, allow_null=True)
    conditions = Verdicts()
    steps = StepRunSerializer(many=True, read_only=True)

    class Meta:
        model = Run
        fields = (
            "id", "state", "event", "event_name", "automation", "automation_name", "published", "reaction",
            "subject_type", "subject_id", "patient", "conditions", "steps", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class RunFilters(Filters):
    state = choice_filter(Run, "state")
    automation = ReferenceFilter(field_name="automation")
    patient = ReferenceFilter(field_name="patient_id")
    subject = ReferenceFilter(field_name="subject_id")
    event_name = Text(field_name="event__name")


class RunViewSet(RecordViewSet):
    """One automation answering one event, or something built in doing so."""

    queryset = Run.objects.select_related("automation", "version", "event").prefetch_related("steps")
    serializer_class = RunSerializer
    filterset_class = RunFilters
    lookup_value_converter = "int"
