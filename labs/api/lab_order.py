"""Lab orders over the API: placed, and moved along when the lab does not tell us itself."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework import serializers

from careops.surfaces.api import (
    Creates,
    Edits,
    MachineViewSet,
    RecordFilters,
    RecordSerializer,
    ReferenceByName,
    ReferenceFilter,
    Text,
    state_filter,
)
from labs.models import LabOrder, LabTest


class LabOrderSerializer(RecordSerializer):
    lab_test = ReferenceByName(
        slug_field="code",
        queryset=LabTest.objects.filter(active=True),
        help_text="The code of a test in use.",
    )

    class Meta:
        model = LabOrder
        fields = (
            "id", "version", "state", "patient", "lab_test", "practitioner", "vendor", "external_id", "sample_id",
            "notes", "reason", "created_at", "updated_at",
        )  # fmt: skip
        fixed_fields = ("patient", "lab_test")
        example = {
            "patient": "019abcde-0000-7000-8000-000000000001",
            "lab_test": "lipid-panel",
            "sample_id": "S-1042",
        }

    def validate_external_id(self, value: str) -> str:
        """Once the lab's order is known, ours does not go over to another one."""
        if self.instance is not None and self.instance.external_id not in ("", value):
            raise serializers.ValidationError(_("It is bound to another order of the lab already."))
        return value


class LabOrderFilters(RecordFilters):
    state = state_filter(LabOrder)
    patient = ReferenceFilter(field_name="patient")
    external_id = Text(field_name="external_id")


class LabOrderViewSet(Creates, Edits, MachineViewSet):
    """A lab test ordered for a patient. The state is the lab's own status string."""

    queryset = LabOrder.objects.select_related("lab_test")
    serializer_class = LabOrderSerializer
    filterset_class = LabOrderFilters
