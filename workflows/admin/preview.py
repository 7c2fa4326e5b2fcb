"""Texts with variables in a step's parameters: what they may speak of, and how they will read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from django import forms
from django.core.exceptions import ValidationError


@runtime_checkable
class Templated(Protocol):
    """A form field for text with variables; the app that offers an action knows which there are."""

    declared: Iterable[str]

    def described(self) -> Mapping[str, Any]:
        """The names a text may use, each with what it stands for."""

    def sample(self, text: str) -> str:
        """The text with invented values. Raises ValidationError for one that cannot be filled in."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One text of a step, as it will read; or what is wrong with it."""

    label: str
    text: str = ""
    errors: list[str] = field(default_factory=list)


def variables(form: forms.Form) -> Mapping[str, Any]:
    """Every name that some text of the form may use."""
    found: dict[str, Any] = {}
    for each in form.fields.values():
        if isinstance(each, Templated):
            found |= each.described()
    return found


def previews(form: forms.Form) -> list[Shown]:
    """The texts of a bound form, with invented values."""
    return [
        _preview(bound, bound.field) for bound in form if isinstance(bound.field, Templated) and bound.data
    ]


def _preview(bound: forms.BoundField, templated: Any) -> Shown:
    label = str(bound.label)
    try:
        return Shown(label, templated.sample(templated.clean(bound.data)))
    except ValidationError as error:
        return Shown(label, errors=list(error.messages))
