"""Form fields that several actions share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from careops.access.models import User
from careops.access.roles import role_choices
from careops.lib.render import RenderError, check, render, used
from patients.variables import VARIABLES, sample_values


class TemplateField(forms.CharField):
    """Text with variables, checked when it is saved: an unknown one is an error then, not at three in the morning."""

    def __init__(self, *, declared: Collection[str] = tuple(VARIABLES), **kwargs: Any) -> None:
        self.declared = declared
        names = ", ".join(f"{{{{ {name} }}}}" for name in declared)
        kwargs.setdefault("help_text", format_lazy(_("May use {names}."), names=names))
        super().__init__(**kwargs)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        check(text, self.declared)
        return text

    def described(self) -> dict[str, Any]:
        """The names a text may use, each with what it stands for; a builder lists them."""
        return {name: VARIABLES[name].label for name in self.declared}

    def sample(self, text: str) -> str:
        """The text with invented values, for a preview. Raises ValidationError for one that cannot be filled in."""
        try:
            return render(text, sample_values())
        except RenderError as error:
            raise ValidationError(error.message, code=error.reason_code) from None


class LineField(TemplateField):
    """A template whose text fits on one line."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if len(text.splitlines()) > 1:
            raise ValidationError(_("This text must fit on one line."))
        return text


def told_by(form: type[forms.Form], given: Mapping[str, Any]) -> frozenset[str]:
    """The permissions that reading what its texts tell takes: nobody has sent to themselves what they may not see."""
    texts = [given[name] for name, field in form.base_fields.items() if isinstance(field, TemplateField)]
    names = frozenset().union(*(used(text, VARIABLES) for text in texts))
    return frozenset(VARIABLES[name].needs for name in names if VARIABLES[name].needs)


def colleague_choices() -> list[tuple[str, str]]:
    """Everybody who works here."""
    colleagues = User.objects.filter(is_staff=True, is_active=True)
    return [("", "—"), *((str(user.pk), user.get_full_name()) for user in colleagues)]


def optional_role_choices() -> list[tuple[str, Any]]:
    return [("", "—"), *role_choices()]
