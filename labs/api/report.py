"""Lab reports over the API, to read, with their markers."""

from __future__ import annotations

from careops.surfaces.api import (
    PartSerializer,
    RecordFilters,
    RecordSerializer,
    RecordViewSet,
    ReferenceFilter,
    YesNo,
    state_filter,
)
from labs.models import Report, Result


class MarkerSerializer(PartSerializer):
    class Meta:
        model = Result
        fields = (
            "id", "name", "slug", "loinc", "value", "number", "unit", "min_range", "max_range", "interpretation",
            "above_max", "below_min",
        )  # fmt: skip


class ReportSerializer(RecordSerializer):
    results = MarkerSerializer(many=True, read_only=True)

    class Meta:
        model = Report
        fields = (
            "id", "version", "state", "order", "patient", "specimen_number", "collected_at", "reported_at", "notes",
            "released_at", "results", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class ReportFilters(RecordFilters):
    state = state_filter(Report)
    patient = ReferenceFilter(field_name="patient")
    order = ReferenceFilter(field_name="order")
    released = YesNo(
        field_name="released_at", lookup_expr="isnull", exclude=True, label="The patient may read it."
    )


class ReportViewSet(RecordViewSet):
    """The lab's answer."""

    queryset = Report.objects.prefetch_related("results")
    serializer_class = ReportSerializer
    filterset_class = ReportFilters
    parts = ("results",)
