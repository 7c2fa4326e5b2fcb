"""What a record looks like outside, and what of it may be written: every field by name, nothing by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet, UUIDField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from careops.access.scope import visible
from careops.surfaces.api.problem import from_model


class Strict:
    """A body may name the fields that can be written, and no others."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            self._refuse_strangers(data)
        return super().to_internal_value(data)

    def _refuse_strangers(self, data: Mapping[str, Any]) -> None:
        complaints = {}
        for name in data:
            field = self.fields.get(name)
            if field is None:
                complaints[name] = [_("There is no field of this name.")]
            elif field.read_only:
                complaints[name] = [_("This field cannot be written.")]
        if complaints:
            raise serializers.ValidationError(complaints)


class Scoped:
    """A reference to another record. One that is not the caller's to see answers as one that never was."""

    needs = ""
    default_error_messages = {
        "does_not_exist": gettext_lazy("There is no such record."),
        "incorrect_type": gettext_lazy("Write the id of a record."),
        "invalid": gettext_lazy("Write the name of a record."),
    }

    def get_queryset(self) -> QuerySet[Any]:
        return seen_by(self.context["view"].actor, super().get_queryset(), self.needs)


class Reference(Scoped, serializers.PrimaryKeyRelatedField):
    """Another record, by its id.

    ``needs`` is the permission with which such records are seen, where it is not their own ``view_…``.
    """

    def __init__(self, *, needs: str = "", **kwargs: Any) -> None:
        self.needs = needs
        queryset = kwargs.get("queryset")
        if queryset is not None:
            has_uuid = isinstance(queryset.model._meta.pk, UUIDField)
            kwargs.setdefault("pk_field", serializers.UUIDField() if has_uuid else serializers.IntegerField())
        super().__init__(**kwargs)


class ReferenceByName(Scoped, serializers.SlugRelatedField):
    """Another record, by the column that names it to people, such as a test's code."""


def seen_by(actor: Any, records: QuerySet[Any], needs: str = "") -> QuerySet[Any]:
    """Of these records the ones that actor may see, and so refer to."""
    options = records.model._meta
    if not actor.has_perm(needs or f"{options.app_label}.view_{options.model_name}"):
        return records.none()
    return visible(records, actor)


class RecordSerializer(Strict, serializers.ModelSerializer):
    """The base of every noun's serializer. ``Meta`` names the model and

    * ``fields``: everything that is shown. What the model does not let people edit is shown only;
    * ``read_only_fields``: shown only, although the model would let people edit it;
    * ``fixed_fields``: given when the record is made, and never changed afterwards;
    * ``example``: a body that would make one, for the description.

    The record has the last word: it is cleaned as a whole before it is saved.
    """

    serializer_related_field = Reference

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        if self.partial:
            for name in getattr(self.Meta, "fixed_fields", ()):
                fields[name].read_only = True
        columns = {column.name: column for column in self.Meta.model._meta.concrete_fields}
        for name, field in fields.items():
            # The framework forgets it of fields that are shown only: none chosen is written "".
            if isinstance(field, serializers.ChoiceField) and name in columns and columns[name].blank:
                field.allow_blank = True
        return fields

    def get_validators(self) -> list[Any]:
        """None of the framework's: the record's own constraints are asked when it is cleaned."""
        return []

    def create(self, validated_data: Mapping[str, Any]) -> Model:
        return self.saved(self.Meta.model(**validated_data))

    def update(self, instance: Model, validated_data: Mapping[str, Any]) -> Model:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        return self.saved(instance)

    def saved(self, record: Model) -> Model:
        """Clean and save. Raises Problem with the fields the record complains about."""
        try:
            record.full_clean()
        except ValidationError as error:
            raise from_model(error, known=self.fields) from None
        record.save()
        return record


class PartSerializer(Strict, serializers.ModelSerializer):
    """A row that is shown inside a record, such as an order's line."""

    serializer_related_field = Reference
