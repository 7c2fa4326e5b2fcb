"""Messages over the API: written here, then sent by the move ``queue``. What was said stays as it was said."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework import serializers

from careops.surfaces.api import (
    Creates,
    MachineViewSet,
    RecordFilters,
    RecordSerializer,
    ReferenceFilter,
    choice_filter,
    state_filter,
)
from patients.models import Message


class MessageSerializer(RecordSerializer):
    class Meta:
        model = Message
        fields = (
            "id", "version", "state", "channel", "recipient", "patient", "user", "subject", "body", "purpose",
            "to_address", "obstacle", "detail", "sent_at", "created_at", "updated_at",
        )  # fmt: skip
        extra_kwargs = {"user": {"needs": "patients.view_message"}}
        example = {
            "patient": "019abcde-0000-7000-8000-000000000001",
            "subject": "Your visit",
            "body": "Please bring your insurance card.",
        }

    def validate_recipient(self, value: str) -> str:
        if value == Message.Recipient.CLINIC:
            raise serializers.ValidationError(_("What comes in is written down in the staff area."))
        return value


class MessageFilters(RecordFilters):
    state = state_filter(Message)
    recipient = choice_filter(Message, "recipient")
    purpose = choice_filter(Message, "purpose")
    patient = ReferenceFilter(field_name="patient")


class MessageViewSet(Creates, MachineViewSet):
    """One message through one channel."""

    queryset = Message.objects.all()
    serializer_class = MessageSerializer
    filterset_class = MessageFilters
