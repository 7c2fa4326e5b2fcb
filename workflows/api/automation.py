"""Automations over the API, to read: what they listen to, whether they run, and what they do in words."""

from __future__ import annotations

from rest_framework import serializers

from careops.surfaces.api import RecordFilters, RecordSerializer, RecordViewSet, Text, state_filter
from workflows.models import Automation


class AutomationSerializer(RecordSerializer):
    published = serializers.IntegerField(
        source="live.number",
        default=None,
        read_only=True,
        allow_null=True,
        help_text="The version that runs.",
    )
    sentence = serializers.CharField(
        source="live.sentence",
        default="",
        read_only=True,
        help_text="What the published version does, in words.",
    )

    class Meta:
        model = Automation
        fields = (
            "id", "version", "state", "name", "description", "trigger", "lane", "pause_reason", "published", "sentence",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class AutomationFilters(RecordFilters):
    state = state_filter(Automation)
    trigger = Text(field_name="trigger")


class AutomationViewSet(RecordViewSet):
    """What happens by itself, as staff configured it."""

    queryset = Automation.objects.select_related("live")
    serializer_class = AutomationSerializer
    filterset_class = AutomationFilters
