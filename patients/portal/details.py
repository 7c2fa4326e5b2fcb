"""What the clinic has about the patient, and the few things of it that patients look after themselves."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careops.surfaces.edits import KeepsOthersEdits
from careops.surfaces.portal import PortalView
from patients.models import Patient
from patients.portal.birth_date import BirthDateField
from workflows.catalogue import Conflict

AREAS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip


@cache
def zones() -> dict[str, list[tuple[str, str]]]:
    """Time zones by part of the world, as people look for them: by the name of a city."""
    found: dict[str, list[tuple[str, str]]] = {area: [] for area in AREAS}
    for name in sorted(zoneinfo.available_timezones()):
        area, _slash, city = name.partition("/")
        if city and area in found:
            found[area].append((name, city.replace("_", " ").replace("/", ", ")))
    return found


class DetailsForm(KeepsOthersEdits, forms.ModelForm):
    """How the patient is reached. A date of birth is asked for only while the clinic has none."""

    timezone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        help_text=gettext_lazy("Times here follow its clock."),
    )

    class Meta:
        model = Patient
        fields = (
            "birth_date", "phone", "street", "city", "region", "zip", "country", "language", "timezone",
        )  # fmt: skip
        field_classes: ClassVar[dict[str, Any]] = {"birth_date": BirthDateField}
        labels: ClassVar[dict[str, Any]] = {
            "birth_date": gettext_lazy("Date of birth"),
            "phone": gettext_lazy("Phone"),
            "street": gettext_lazy("Street and number"),
            "city": gettext_lazy("City"),
            "region": gettext_lazy("State or region"),
            "zip": gettext_lazy("Postal code"),
            "country": gettext_lazy("Country"),
            "language": gettext_lazy("Language"),
        }
        help_texts: ClassVar[dict[str, Any]] = {
            "language": gettext_lazy("The one you would like us to speak with you."),
        }
        widgets: ClassVar[dict[str, Any]] = {
            "phone": forms.TextInput({"type": "tel", "autocomplete": "tel"}),
            "street": forms.TextInput({"autocomplete": "address-line1"}),
            "city": forms.TextInput({"autocomplete": "address-level2"}),
            "region": forms.TextInput({"autocomplete": "address-level1"}),
            "zip": forms.TextInput({"autocomplete": "postal-code"}),
            "country": forms.TextInput({"autocomplete": "country", "autocapitalize": "characters"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["timezone"].choices = list(self._zones())
        if self.instance.birth_date:
            del self.fields["birth_date"]

    @property
    def drops_birth_date(self) -> bool:
        """Another one was sent than the clinic has come to know since the page was drawn: the clinic's stands."""
        sent, known = self.data.get("birth_date"), self.instance.birth_date
        return bool(sent and "birth_date" not in self.fields and sent != known.isoformat())

    def _zones(self) -> Iterator[tuple[str, Any]]:
        yield "", _("The clinic's (%(zone)s)") % {"zone": self.instance.clinic.timezone.replace("_", " ")}
        yield from zones().items()
        now = self.instance.timezone
        if now and all(now != name for cities in zones().values() for name, _city in cities):
            yield now, now

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"]
        if not re.fullmatch("[A-Za-z]{2}", country):
            raise forms.ValidationError(_("Write two letters, such as US, DE or RO."))
        return country.upper()


class DetailsView(PortalView):
    section = "details"
    needs = "patients.edit_contact_patient"
    template_name = "portal/patients/details.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(DetailsForm(instance=self._record()))

    @transaction.atomic
    def post(self, request: HttpRequest) -> HttpResponse:
        """The row is locked before it is read, so the form compares with what it says now."""
        Patient._base_manager.select_for_update(of=("self",)).values("pk").get(pk=self.actor.patient_id)
        form = DetailsForm(request.POST, instance=self._record())
        if not form.is_valid():
            return self._page(form)
        try:
            form.save()
        except Conflict:
            self.say_it_changed()
        else:
            self._say_saved(form)
        return redirect("portal:details")

    def _say_saved(self, form: DetailsForm) -> None:
        if form.drops_birth_date:
            said = _(
                "We have another date of birth for you: call us if it is wrong. Everything else is saved."
            )
            messages.warning(self.request, said)
        else:
            messages.success(self.request, _("Saved. Thank you for keeping your details up to date."))

    def _record(self) -> Patient:
        return self.record_or_404(Patient.objects.select_related("clinic", "practitioner"), self.person.pk)

    def _page(self, form: DetailsForm) -> HttpResponse:
        return self.show(form=form, patient=form.instance)
