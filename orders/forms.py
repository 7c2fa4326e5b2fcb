"""What the moves of an order ask for; their fields become the arguments of the transition of that name."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from orders.states import OrderState


class ShipForm(forms.Form):
    tracking_number = forms.CharField(
        label=_("Tracking number"), max_length=100, required=False,
        help_text=_("Leave empty where the carrier gives none; it can be added later."),
    )  # fmt: skip
    carrier = forms.CharField(label=_("Carrier"), max_length=60, required=False)


class CancelForm(forms.Form):
    reason = forms.CharField(label=_("Why is the order cancelled?"), max_length=500, widget=forms.Textarea)


class OverrideForm(forms.Form):
    state = forms.ChoiceField(label=_("New status"), choices=OrderState.choices)
    reason = forms.CharField(
        label=_("Why by hand?"), max_length=500, widget=forms.Textarea,
        help_text=_("Kept in the audit trail. Automations listening to the new status will start."),
    )  # fmt: skip
