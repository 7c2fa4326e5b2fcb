"""Patients over the API: who they are and how they are reached. Deaths and merges are the business of people."""

from __future__ import annotations

from careops.surfaces.api import (
    Creates,
    Edits,
    MachineViewSet,
    RecordFilters,
    RecordSerializer,
    ReferenceFilter,
    state_filter,
)
from patients.models import Patient


class PatientSerializer(RecordSerializer):
    class Meta:
        model = Patient
        fields = (
            "id", "version", "state", "mrn", "first_name", "last_name", "birth_date", "sex", "language", "timezone",
            "email", "phone", "street", "city", "region", "zip", "country", "clinic", "practitioner", "care_team",
            "deceased_on", "merged_into", "created_at", "updated_at",
        )  # fmt: skip
        fixed_fields = ("mrn",)
        example = {
            "first_name": "Ada",
            "last_name": "Abara",
            "birth_date": "1960-03-14",
            "email": "ada@mail.example",
            "clinic": "019abcde-0000-7000-8000-000000000003",
        }


class PatientFilters(RecordFilters):
    """By nothing that says who somebody is: addresses stand in logs."""

    state = state_filter(Patient)
    clinic = ReferenceFilter(field_name="clinic")
    practitioner = ReferenceFilter(field_name="practitioner")


class PatientViewSet(Creates, Edits, MachineViewSet):
    """Somebody the clinic cares for."""

    queryset = Patient.objects.all()
    serializer_class = PatientSerializer
    filterset_class = PatientFilters
