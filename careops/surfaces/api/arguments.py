"""What a move asks for, as JSON: read off the Django form that the staff area shows for the same move.

The types come from here, so that a body is refused for what it is; the form then has the last word, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django import forms
from django.core.exceptions import ImproperlyConfigured
from rest_framework import serializers
from rest_framework.request import Request

from careops.access.actor import Actor
from careops.surfaces.api.problem import bad_body, pointers
from careops.surfaces.api.serializers import Strict, seen_by
from workflows.catalogue.machine import Machine, Move

Build = Callable[[Any, dict[str, Any]], serializers.Field]


class Arguments(Strict, serializers.Serializer):
    """The body of a move."""


def _text(field: forms.CharField, common: dict[str, Any]) -> serializers.Field:
    return serializers.CharField(allow_blank=not field.required, max_length=field.max_length, **common)


def _choice(field: forms.ChoiceField, common: dict[str, Any]) -> serializers.Field:
    return serializers.ChoiceField(choices=list(field.choices), allow_blank=not field.required, **common)


#: First match wins, so the special fields stand before the ones they derive from.
FIELDS: tuple[tuple[type[forms.Field], Build], ...] = (
    (forms.ModelChoiceField, lambda field, common: serializers.CharField(max_length=200, **common)),
    (forms.MultipleChoiceField, lambda field, common: serializers.MultipleChoiceField(field.choices, **common)),
    (forms.ChoiceField, _choice),
    (forms.BooleanField, lambda field, common: serializers.BooleanField(**{**common, "required": False})),
    (forms.DateTimeField, lambda field, common: serializers.DateTimeField(**common)),
    (forms.DateField, lambda field, common: serializers.DateField(**common)),
    (forms.DecimalField, lambda field, common: serializers.DecimalField(
        max_digits=field.max_digits, decimal_places=field.decimal_places, **common)),
    (forms.IntegerField, lambda field, common: serializers.IntegerField(
        min_value=field.min_value, max_value=field.max_value, **common)),
    (forms.UUIDField, lambda field, common: serializers.UUIDField(**common)),
    (forms.CharField, _text),
)  # fmt: skip


def arguments_of(model: type[Machine], move: Move) -> type[Arguments]:
    """The serializer of that move's body: no fields for a move that asks for nothing."""
    return _arguments_of(model, move.name)


@cache
def _arguments_of(model: type[Machine], name: str) -> type[Arguments]:
    move = model.move(name)
    form = move.arguments() if move.arguments else forms.Form()
    fields = {name: _as_field(field) for name, field in form.fields.items()}
    words = "".join(part.capitalize() for part in move.name.split("_"))
    return type(f"{model.__name__}{words}Arguments", (Arguments,), fields)


def _as_field(field: forms.Field) -> serializers.Field:
    common = {"required": field.required, "label": field.label, "help_text": field.help_text or None}
    for kind, build in FIELDS:
        if isinstance(field, kind):
            return build(field, common)
    raise ImproperlyConfigured(f"The API has no words for a {type(field).__name__}: add it to FIELDS.")


def read(request: Request, model: type[Machine], move: Move, by: Actor) -> dict[str, Any]:
    """The keyword arguments of the move, from the body. Raises Problem for what the form has against them."""
    body = arguments_of(model, move)(data=request.data)
    body.is_valid(raise_exception=True)
    if move.arguments is None:
        return {}
    form = move.arguments(data=body.validated_data)
    for field in form.fields.values():
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = seen_by(by, field.queryset)
    if not form.is_valid():
        raise bad_body(list(pointers({name: list(errors) for name, errors in form.errors.items()})))
    return form.cleaned_data


def described(model: type[Machine], move: Move) -> list[dict[str, Any]]:
    """The move's arguments for somebody who builds a form of their own."""
    fields = arguments_of(model, move)().fields
    return [
        {
            "name": name,
            "label": str(field.label or name),
            "type": type(field).__name__.removesuffix("Field").lower().replace("char", "text"),
            "required": field.required,
            "choices": [str(value) for value in getattr(field, "choices", ())],
        }
        for name, field in fields.items()
    ]
