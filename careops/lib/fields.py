"""A text column that is encrypted at rest, and a form field that takes a secret but never gives it back.

Every value is encrypted under ``settings.FIELD_KEYS`` (Fernet, newest key first) with a random part of its
own: equal texts look different, so the database can neither compare nor search them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django import forms
from django.conf import settings
from django.core import checks
from django.core.exceptions import FieldError
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

DOTS = "••••••"
SHOWN_CHARACTERS = 4
SHOWN_FROM = 12  # a shorter secret shows nothing of itself


class Undecryptable(Exception):
    """No key in ``FIELD_KEYS`` opens this value: a key was taken out of the list too early."""


class Secret(str):
    """A string that hides itself: ``str()``, formatting, templates and ``repr`` show only its mask.

    So a read-only admin page, a serializer or a log line cannot give it away. Everything else is a string's:
    ``encode()``, ``+``, ``join``, comparison, JSON. ``reveal()`` gives the plain text.
    """

    __slots__ = ()

    def reveal(self) -> str:
        return str.__str__(self)

    def __str__(self) -> str:
        return mask(self)

    def __repr__(self) -> str:
        return mask(self)

    def __format__(self, spec: str) -> str:
        return format(mask(self), spec)


def mask(secret: str) -> str:
    """Dots, and the last characters of a secret that is long enough to spare them."""
    return DOTS + (secret[-SHOWN_CHARACTERS:] if len(secret) >= SHOWN_FROM else "")


class SecretWidget(forms.PasswordInput):
    """Shows that a value is set (its last four characters), never the value; nothing typed: no change."""

    CLEAR = False  # what is submitted to empty the field, as in ClearableFileInput

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "new-password", **(attrs or {})}, render_value=False)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        field = super().render(name, None, attrs, renderer)
        if not value:
            return field
        parts = format_html('{} <span class="secret-set">{}</span>', field, self._note(value))
        if self.is_required:
            return parts
        label = _("Clear")
        return format_html('{} <label><input type="checkbox" name="{}-clear"> {}</label>', parts, name, label)

    def _note(self, value: str) -> str:
        return _("%(mask)s set") % {"mask": mask(value)}

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        typed = super().value_from_datadict(data, files, name)
        return self.CLEAR if not typed and not self.is_required and f"{name}-clear" in data else typed

    def use_required_attribute(self, initial: Any) -> bool:
        return super().use_required_attribute(initial) and not initial


class SecretField(forms.CharField):
    """Cleans to the new text, to "" when it is to be cleared, or to None when it stays as it is."""

    widget = SecretWidget

    def to_python(self, value: Any) -> str | None:
        if isinstance(value, Secret):  # a disabled field is given its initial value
            return None
        return "" if value is SecretWidget.CLEAR else super().to_python(value) or None

    def validate(self, value: Any) -> None:
        """Being required is for the model to judge: only it knows whether there is a value already."""

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial  # a form shown again must not send back what was typed

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and (bool(initial) if data is SecretWidget.CLEAR else bool(data))


class EncryptedTextField(models.TextField):
    """Text that is encrypted in the database; no lookup but ``isnull``.

    By default it holds a secret: it loads as ``Secret`` and forms show it through ``SecretWidget``. With
    ``readable=True`` (restricted notes, stored messages) it loads as ordinary text and is edited as such.
    """

    description = _("Encrypted text")

    def __init__(self, *args: Any, readable: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.readable = readable

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if self.readable:
            kwargs["readable"] = True
        return name, path, args, kwargs

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        errors = super().check(**kwargs)
        if self.unique or self.db_index:  # type: ignore[attr-defined]  # unknown to django-stubs
            message = "An encrypted value differs each time it is written: it cannot be unique or indexed."
            errors.append(checks.Error(message, obj=self, id="careops.lib.E101"))
        return errors

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return keyring().encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if not value:
            return value
        try:
            text = keyring().decrypt(value).decode()
        except InvalidToken:
            raise Undecryptable(f"no key in FIELD_KEYS opens this value of {self}") from None
        return text if self.readable else Secret(text)

    def value_to_string(self, obj: models.Model) -> str:
        return ""  # a dump would carry it in plain text

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self} is encrypted: it cannot be searched, only tested with isnull.")
        return super().get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        raise FieldError(f"{self} is encrypted: it cannot be transformed by the database.")

    def formfield(self, **kwargs: Any) -> Any:
        if self.readable:
            return super().formfield(**kwargs)
        widget = kwargs.pop("widget", None)  # the admin passes its own text area: keep its looks only
        widget = widget() if isinstance(widget, type) else widget
        looks = {"class": widget.attrs["class"]} if widget and "class" in widget.attrs else {}
        return models.Field.formfield(self, form_class=SecretField, widget=SecretWidget(looks), **kwargs)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        if self.readable or data is not None:
            super().save_form_data(instance, data)


def keyring() -> MultiFernet:
    """Encrypts with the first of ``settings.FIELD_KEYS``, decrypts with any."""
    return _keyring(tuple(settings.FIELD_KEYS))


@functools.lru_cache(maxsize=4)
def _keyring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


@checks.register(checks.Tags.security)
def check_field_keys(**kwargs: Any) -> list[checks.CheckMessage]:
    """Names the position of a malformed key, never the key."""
    if not settings.FIELD_KEYS:
        return [checks.Error("FIELD_KEYS is empty: nothing can be encrypted.", id="careops.lib.E102")]
    errors: list[checks.CheckMessage] = []
    for position, key in enumerate(settings.FIELD_KEYS, start=1):
        try:
            Fernet(key)
        except (ValueError, TypeError):
            message = f"Key {position} of FIELD_KEYS is not 32 bytes in URL-safe base64."
            errors.append(checks.Error(message, id="careops.lib.E103"))
    return errors
