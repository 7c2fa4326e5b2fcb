"""Tasks over the API: work for people, opened and finished by programs as well."""

from __future__ import annotations

from careops.surfaces.api import (
    Creates,
    Edits,
    MachineViewSet,
    Moment,
    RecordFilters,
    RecordSerializer,
    ReferenceFilter,
    choice_filter,
    state_filter,
)
from patients.models import Task


class TaskSerializer(RecordSerializer):
    class Meta:
        model = Task
        fields = (
            "id", "version", "state", "title", "description", "priority", "due_at", "assignee", "role", "care_team",
            "patient", "about_type", "about_id", "checklist", "completed_at", "cancel_reason", "created_at",
            "updated_at",
        )  # fmt: skip
        fixed_fields = ("patient",)
        # Work is handed to colleagues by whoever may see it.
        extra_kwargs = {"assignee": {"needs": "patients.view_task"}}
        example = {
            "title": "Call back about the referral",
            "priority": "high",
            "due_at": "2026-03-10T18:00:00Z",
            "role": "front desk",
            "checklist": [{"text": "Ask for the fax number", "done": False}],
        }


class TaskFilters(RecordFilters):
    state = state_filter(Task)
    priority = choice_filter(Task, "priority")
    role = choice_filter(Task, "role")
    patient = ReferenceFilter(field_name="patient")
    about = ReferenceFilter(field_name="about_id")
    due_before = Moment(field_name="due_at", lookup_expr="lt")


class TaskViewSet(Creates, Edits, MachineViewSet):
    """Work for a person, a role or a care team."""

    queryset = Task.objects.all()
    serializer_class = TaskSerializer
    filterset_class = TaskFilters
