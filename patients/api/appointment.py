"""Appointments over the API. Their time never changes: the move ``reschedule`` books another one."""

from __future__ import annotations

from typing import Any

from careops.surfaces.api import (
    Creates,
    Edits,
    MachineViewSet,
    Moment,
    RecordFilters,
    RecordSerializer,
    ReferenceFilter,
    state_filter,
)
from patients.models import Appointment


class AppointmentSerializer(RecordSerializer):
    class Meta:
        model = Appointment
        fields = (
            "id", "version", "state", "patient", "practitioner", "clinic", "service", "starts_at", "ends_at", "reason",
            "cancel_reason", "rescheduled_from", "created_at", "updated_at",
        )  # fmt: skip
        fixed_fields = ("patient", "starts_at", "ends_at")
        extra_kwargs = {
            "clinic": {"required": False, "help_text": "The patient's own, unless you name another."}
        }
        example = {
            "patient": "019abcde-0000-7000-8000-000000000001",
            "practitioner": "019abcde-0000-7000-8000-000000000002",
            "service": "Follow-up",
            "starts_at": "2026-03-10T18:00:00Z",
            "ends_at": "2026-03-10T18:30:00Z",
        }

    def create(self, validated_data: dict[str, Any]) -> Any:
        return super().create({"clinic": validated_data["patient"].clinic, **validated_data})


class AppointmentFilters(RecordFilters):
    state = state_filter(Appointment)
    patient = ReferenceFilter(field_name="patient")
    practitioner = ReferenceFilter(field_name="practitioner")
    clinic = ReferenceFilter(field_name="clinic")
    starts_from = Moment(field_name="starts_at", lookup_expr="gte")
    starts_before = Moment(field_name="starts_at", lookup_expr="lt")


class AppointmentViewSet(Creates, Edits, MachineViewSet):
    """Visits: booked, confirmed, checked in, completed, or not."""

    queryset = Appointment.objects.all()
    serializer_class = AppointmentSerializer
    filterset_class = AppointmentFilters
    ordering = ("-starts_at", "-id")
