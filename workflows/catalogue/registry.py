"""Closed, loud registries: a second registration is an error, an unknown name is an error that names the near misses.

Registries are filled while Django loads the apps and frozen afterwards. Their choices reach models and forms as a
callable, so no registry entry is ever written into a migration.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from django.core.exceptions import ImproperlyConfigured


class Named(Protocol):
    """Whatever has a name may be registered."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class UnknownName(LookupError):
    """Nobody registered this name; the message lists what was probably meant."""


class Registry(Generic[T]):
    """The entries of one kind, by name, in the order they were registered."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self._entries: dict[str, T] = {}
        self._frozen = False

    def add(self, entry: T) -> T:
        """Register and return the entry.

        Raises ImproperlyConfigured for a name already taken, or once the registry is frozen.
        """
        if self._frozen:
            raise ImproperlyConfigured(
                f"{self.noun} {entry.name!r} comes too late: register it in the app's own module, "
                "which is imported while Django starts."
            )
        if entry.name in self._entries:
            raise ImproperlyConfigured(f"{self.noun} {entry.name!r} is registered twice.")
        self._entries[entry.name] = entry
        return entry

    def get(self, name: str) -> T:
        """The entry of that name. Raises UnknownName, naming near misses."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownName(self.complaint(name)) from None

    def complaint(self, name: str) -> str:
        return complain(self.noun, name, self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def names(self) -> list[str]:
        return list(self._entries)

    def choices(self, label: Callable[[T], str] = lambda entry: entry.name) -> list[tuple[str, str]]:
        """(name, label) pairs for a form field; pass the bound method, never its result, to a model field."""
        return [(name, label(entry)) for name, entry in self._entries.items()]

    def freeze(self) -> None:
        self._frozen = True

    @contextmanager
    def temporarily(self, *entries: T) -> Iterator[None]:
        """For tests: these entries exist inside the block, and whatever was registered inside is gone after it."""
        kept, frozen = dict(self._entries), self._frozen
        self._frozen = False
        try:
            for entry in entries:
                self.add(entry)
            yield
        finally:
            self._entries, self._frozen = kept, frozen


def complain(noun: str, name: str, known: dict[str, T] | list[str]) -> str:
    """One sentence for an unknown name, with up to three near misses."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return f"There is no {noun.lower()} called {name!r}.{hint}"
