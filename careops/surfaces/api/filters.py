"""Which narrowings a list takes: those its FilterSet declares, and no others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request

from careops.surfaces.api.problem import bad_parameters


class MomentField(django_filters.fields.IsoDateTimeField):
    """A moment as UTC: offsets that exist nowhere are beyond the database, though not beyond ISO 8601."""

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None


class Moment(django_filters.IsoDateTimeFilter):
    """A moment with its offset; without one it is in UTC."""

    field_class = MomentField


class YesNoField(forms.Field):
    """Yes or no as JSON and programs write it. What is neither is refused: ignored, it would widen the list."""

    WORDS = {"true": True, "1": True, "false": False, "0": False}

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        if value not in self.WORDS:
            raise ValidationError(_("Write true or false."), code="invalid")
        return self.WORDS[value]


class YesNo(django_filters.BooleanFilter):
    """``true`` or ``false``."""

    field_class = YesNoField


ReferenceFilter = django_filters.UUIDFilter
Text = django_filters.CharFilter
Choice = django_filters.MultipleChoiceFilter


def state_filter(model: type[Model]) -> Choice:
    """``?state=a&state=b``: records in either state."""
    return choice_filter(model, "state")


def choice_filter(model: type[Model], name: str) -> Choice:
    """One or more of the values a column may have."""
    choices = list(model._meta.get_field(name).flatchoices)
    # No column is joined in, so nothing comes twice; DISTINCT would sort the whole table for one page.
    return Choice(field_name=name, choices=choices, label=_("one or more"), distinct=False)


class Filters(django_filters.FilterSet):
    """The base of all filters. Declare each one: a column that is not named is not asked."""


class RecordFilters(Filters):
    """The filters of a noun; what every noun can be asked besides is the moment since which it changed."""

    updated_since = Moment(
        field_name="updated_at", lookup_expr="gte",
        label=_("Only what changed then or later, in the order of change."),
    )  # fmt: skip


class DeclaredFilters(DjangoFilterBackend):
    """django-filter's own, with our shape of refusal."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise bad_parameters(filterset.errors)
        return filterset.qs
