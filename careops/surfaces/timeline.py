"""One timeline per record and per patient. Whoever knows something about a record registers a source."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Model

from careops.access.models import User

FIRST, STEP, MOST = 15, 45, 500


@dataclass(frozen=True, slots=True)
class Link:
    """A page that tells more, for whoever holds the permission ``needs``; for others it is plain text."""

    text: str
    url: str = ""
    needs: str = ""

    def for_reader(self, user: User) -> Link:
        return self if not self.needs or user.has_perm(self.needs) else replace(self, url="")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened to a record. ``because`` leads back to what brought it about, nearest first.

    ``about`` names the record where it is another one than the page's: a patient's timeline tells of all of theirs.
    """

    at: datetime
    icon: str
    title: Any
    who: str = ""
    link: str = ""
    needs: str = ""
    detail: str = ""
    about: Link | None = None
    because: Sequence[Link] = ()
    tone: str = ""

    def for_reader(self, user: User) -> Entry:
        may = not self.needs or user.has_perm(self.needs)
        because = tuple(link.for_reader(user) for link in self.because)
        about = self.about and self.about.for_reader(user)
        return replace(self, link=self.link if may else "", about=about, because=because)


#: Called with the subject's label, its id, the patient's id (None: only what is about the subject itself) and
#: the most entries wanted; answers the newest ones, in a number of queries that does not depend on how many.
Source = Callable[[str, uuid.UUID, uuid.UUID | None, int], Sequence[Entry]]

_sources: list[Source] = []


def register_source(source: Source) -> Source:
    """Add a source; usable as a decorator."""
    if source not in _sources:
        _sources.append(source)
    return source


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest entries; ``more`` is how many to ask for next, or 0 when these are all (or enough)."""

    entries: Sequence[Entry]
    more: int = 0


def has_timeline(record: Model) -> bool:
    """Only records with a UUID are the subject of events."""
    return isinstance(record.pk, uuid.UUID)


def timeline(record: Model, user: User, *, most: int = FIRST) -> Timeline:
    """What happened to the record, newest first; for a patient, everything that concerns them."""
    most = max(1, min(most, MOST))
    patient_id = record.pk if record._meta.label == settings.PERSON_MODEL else None
    found = [
        entry for source in _sources for entry in source(record._meta.label, record.pk, patient_id, most + 1)
    ]
    found.sort(key=lambda entry: entry.at, reverse=True)
    more = min(most + STEP, MOST) if len(found) > most and most < MOST else 0
    return Timeline([entry.for_reader(user) for entry in found[:most]], more)
