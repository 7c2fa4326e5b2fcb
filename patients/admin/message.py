"""Messages in the staff area: what went out and what did not, and writing one by hand."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from careops.access.actor import Actor
from careops.surfaces.admin import MachineAdmin
from patients.admin.choosing import ChoosesPatient
from patients.models import Message


@admin.register(Message)
class MessageAdmin(ChoosesPatient, MachineAdmin):
    state_colors = {
        "draft": "info",
        "queued": "primary",
        "sending": "primary",
        "sent": "success",
        "delivered": "success",
        "failed": "danger",
        "suppressed": "warning",
        "outcome_unknown": "danger",
        "received": "info",
    }
    list_display = ("subject", "patient_name", "recipient", "state_badge", "obstacle", "created_at")
    list_filter = ("state", "recipient", "purpose", "obstacle", ("created_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("patient",)
    search_fields = ("patient__last_name",)
    search_help_text = _("The beginning of the patient's name or record number")
    autocomplete_fields = ("patient",)
    readonly_fields = ("to_address", "obstacle", "detail", "sent_at", "created_at")
    fieldsets = (
        (None, {"fields": (("recipient", "channel"), "patient", "user", "subject", "body", "purpose")}),
        (_("What became of it"), {"fields": (
            ("to_address", "obstacle"), ("detail", "sent_at"), "created_at",
        )}),
    )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What was said stays as it was said."""
        over = obj is not None and obj.state != Message.State.DRAFT
        return not over and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Message, form: forms.ModelForm, change: bool) -> None:
        """What somebody writes down for the clinic came from a patient and has arrived."""
        super().save_model(request, obj, form, change)
        if not change and obj.recipient == Message.Recipient.CLINIC:
            obj.perform("receive", by=Actor.of(request.user))
