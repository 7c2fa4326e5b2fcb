"""Practitioners over the API, to read: who can be given an appointment."""

from __future__ import annotations

from careops.surfaces.api import RecordFilters, RecordSerializer, RecordViewSet, ReferenceFilter, YesNo
from patients.models import Practitioner


class PractitionerSerializer(RecordSerializer):
    class Meta:
        model = Practitioner
        fields = (
            "id", "version", "first_name", "last_name", "credentials", "specialty", "npi", "clinic", "active",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class PractitionerFilters(RecordFilters):
    clinic = ReferenceFilter(field_name="clinic")
    active = YesNo()


class PractitionerViewSet(RecordViewSet):
    """Somebody who treats patients."""

    queryset = Practitioner.objects.all()
    serializer_class = PractitionerSerializer
    filterset_class = PractitionerFilters
