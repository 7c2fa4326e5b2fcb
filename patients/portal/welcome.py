"""Somebody signed in whom the clinic has no record of yet: who are they?"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careops.surfaces.portal import HOME, PortalView
from patients.models import Clinic, Patient
from patients.portal.birth_date import BirthDateField
from patients.services.signing_up import sign_up


class ClinicChoice(forms.ModelChoiceField):
    """A clinic by its name, where it is and how to call it."""

    def label_from_instance(self, clinic: Clinic) -> str:
        place = clinic.timezone.rpartition("/")[2].replace("_", " ")
        where = _("%(place)s time") % {"place": place}
        more = " · ".join(part for part in (where, clinic.phone) if part)
        return format_html('<span>{}<small class="soft">{}</small></span>', clinic.name, more)


class WelcomeForm(forms.ModelForm):
    clinic = ClinicChoice(
        label=gettext_lazy("Your clinic"),
        queryset=Clinic.objects.none(),
        widget=forms.RadioSelect,
        empty_label=None,
        error_messages={"required": gettext_lazy("Choose the clinic you want to come to.")},
    )

    class Meta:
        model = Patient
        fields = ("first_name", "last_name", "birth_date", "phone", "clinic")
        field_classes: ClassVar[dict[str, Any]] = {"birth_date": BirthDateField}
        labels: ClassVar[dict[str, Any]] = {
            "first_name": gettext_lazy("First name"),
            "last_name": gettext_lazy("Last name"),
            "birth_date": gettext_lazy("Date of birth"),
            "phone": gettext_lazy("Phone (optional)"),
        }
        help_texts: ClassVar[dict[str, Any]] = {
            "first_name": gettext_lazy("As on your insurance card or ID."),
            "phone": gettext_lazy("So that we can reach you when a visit changes."),
        }
        error_messages: ClassVar[dict[str, Any]] = {
            "first_name": {"required": gettext_lazy("Tell us your first name.")},
            "last_name": {"required": gettext_lazy("Tell us your last name.")},
            "birth_date": {"required": gettext_lazy("Tell us when you were born.")},
        }
        widgets: ClassVar[dict[str, Any]] = {
            "first_name": forms.TextInput({"autocomplete": "given-name"}),
            "last_name": forms.TextInput({"autocomplete": "family-name"}),
            "phone": forms.TextInput({"type": "tel", "autocomplete": "tel"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["birth_date"].required = True
        clinics = list(Clinic.objects.all()[:2])
        self.fields["clinic"].queryset = Clinic.objects.all()
        if len(clinics) == 1:
            self.fields["clinic"].initial = clinics[0]
            self.fields["clinic"].disabled = True
            self.fields["clinic"].widget = forms.HiddenInput()


class WelcomeView(PortalView):
    for_newcomers = True
    template_name = "portal/patients/welcome.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        return self._page(WelcomeForm(initial={"first_name": user.first_name, "last_name": user.last_name}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = WelcomeForm(request.POST)
        if not form.is_valid():
            return self._page(form)
        try:
            patient = sign_up(request.user, **form.cleaned_data)
        except ValidationError as refusal:
            if Patient.id_of(request.user):  # the form was sent twice, and the other one was first
                return redirect(HOME)
            form.add_error(None, refusal.messages)
            return self._page(form)
        messages.success(
            request, _("Welcome, %(name)s. Good to have you with us.") % {"name": patient.first_name}
        )
        return redirect(HOME)

    def _page(self, form: WelcomeForm) -> HttpResponse:
        return self.show(form=form, clinics=Clinic.objects.exists())
