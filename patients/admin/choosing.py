"""Choosing a patient by name, where the record itself only tells its number."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import ForeignKey, Q, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils.formats import date_format
from unfold.decorators import display

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from patients.models import Patient

#: What a word may begin for a record to be found by its patient.
NAMES = ("patient__last_name", "patient__first_name", "patient__mrn")


def choice_label(patient: Patient) -> str:
    """Enough to tell two of the same name apart."""
    born = date_format(patient.birth_date, "SHORT_DATE_FORMAT") if patient.birth_date else ""
    return " · ".join(filter(None, (patient.full_name, born, patient.mrn)))


def has_digit(term: str) -> bool:
    """Names have none."""
    return any(character.isdigit() for character in term)


def named(rows: QuerySet[Any], term: str, fields: tuple[str, ...]) -> QuerySet[Any]:
    """Rows of which each word of the term begins one of these fields."""
    for word in term.split():
        rows = rows.filter(reduce(or_, (Q(**{f"{field}__istartswith": word}) for field in fields)))
    return rows


class PatientChoices(AutocompleteJsonView):
    """What the picker asks for while somebody types. Names are shown, so it is audited like a list."""

    def serialize_result(self, obj: Patient, to_field_name: str) -> dict[str, str]:
        self.shown.append(obj.pk)
        return {"id": str(getattr(obj, to_field_name)), "text": choice_label(obj)}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        self.shown: list[UUID] = []
        response = super().get(request, *args, **kwargs)
        if self.shown:
            audit(AuditEntry.Act.LIST, Actor.of(request.user), Patient, self.shown)
        return response


class PatientSelect(AutocompleteSelect):
    def get_url(self) -> str:
        return reverse("admin:patients_patient_choices")


class PatientField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Patient) -> str:
        return choice_label(obj)


class ChoosesPatient:
    """Mixed into an admin whose model has a patient: name ``patient`` in its ``autocomplete_fields``.

    The search box finds records by a number of their own or by their patient, and never by both at once: each has an
    index, and the two together have none.
    """

    def by_number(self, term: str) -> Q | None:
        """What finds a record by a number of its own; None for a term that is no such number."""
        return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        numbered = self.by_number(search_term.strip())
        if numbered is not None:
            return queryset.filter(numbered), False
        return named(queryset, search_term, NAMES), False

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "patient":
            kwargs |= {"widget": PatientSelect(db_field, self.admin_site), "form_class": PatientField}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @display(description=Patient._meta.verbose_name, ordering="patient__last_name")
    def patient_name(self, record: Any) -> str:
        return record.patient.full_name if record.patient else ""
