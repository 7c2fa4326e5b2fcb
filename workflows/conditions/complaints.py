"""How conditions complain: ValidationErrors with a code, the path to the culprit and a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

#: What may be called by a wrong name → how we say so, without and with near misses.
UNKNOWN = {
    "fact": (
        _("There is no fact called “%(name)s”."),
        _("There is no fact called “%(name)s”. Did you mean %(near)s?"),
    ),
    "operator": (
        _("There is no operator called “%(name)s”."),
        _("There is no operator called “%(name)s”. Did you mean %(near)s?"),
    ),
    "parameter": (
        _("This fact has no parameter called “%(name)s”."),
        _("This fact has no parameter called “%(name)s”. Did you mean %(near)s?"),
    ),
    "choice": (
        _("This fact is never “%(name)s”."),
        _("This fact is never “%(name)s”. Did you mean %(near)s?"),
    ),
    "key": (
        _("A condition has no part called “%(name)s”."),
        _("A condition has no part called “%(name)s”. Did you mean %(near)s?"),
    ),
}


def complaint(code: str, message: Any, **params: Any) -> ValidationError:
    """One error. Its params always hold ``path``, which stays empty until the place in the tree is known."""
    return ValidationError(message, code=code, params={"path": "", **params})


def unknown(noun: str, name: object, known: Iterable[str]) -> ValidationError:
    """The error for a name nobody knows, with up to three near misses; its code is "unknown_<noun>"."""
    near = difflib.get_close_matches(str(name), list(known), n=3, cutoff=0.5)
    plain, hinting = UNKNOWN[noun]
    return complaint(f"unknown_{noun}", hinting if near else plain, name=name, near=", ".join(near))


def located(error: ValidationError, path: str) -> list[ValidationError]:
    """The same errors, knowing where in the tree they happened."""
    return [
        ValidationError(each.message, code=each.code, params={**(each.params or {}), "path": path})
        for each in error.error_list
    ]
