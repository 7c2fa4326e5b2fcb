"""A draft in words, what is wrong with it, and how it differs from what is live."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from workflows.catalogue.registry import UnknownName
from workflows.engine.publish import check, definition, in_words
from workflows.models import Automation, Step


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The whole automation as sentences, with the faults that keep it from being published."""

    lines: list[str]
    faults: list[str] = field(default_factory=list)
    permissions: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def read_back(automation: Automation, steps: Sequence[Step]) -> ReadBack:
    try:
        lines = in_words(automation, steps).splitlines()
    except (ValidationError, UnknownName):  # the faults say what is the matter
        lines = []
    try:
        return ReadBack(lines, permissions=check(automation, steps))
    except ValidationError as error:
        return ReadBack(lines, list(dict.fromkeys(error.messages)))


def differs(automation: Automation, steps: Sequence[Step]) -> bool:
    """Does the draft say something else than the published version?"""
    return automation.live is None or automation.live.definition != definition(automation, steps)


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the sentence that came (+) or went (−)."""

    sign: str
    line: str


def changes(automation: Automation, words: ReadBack, steps: Sequence[Step]) -> list[Change]:
    """What publishing would change, line by line; differences that the sentence does not tell are named."""
    if automation.live is None:
        return []
    before = automation.live.sentence.splitlines()
    told = [
        Change("+" if line[0] == "+" else "−", line[2:])
        for line in difflib.ndiff(before, words.lines)
        if line[0] in "+-"
    ]
    if not told and differs(automation, steps):
        told = [Change("±", _("Details that the sentence does not tell, such as a text or a due time."))]
    return told


@dataclass(frozen=True, slots=True)
class Granted:
    """A permission the version will have; ``held`` says whether the publisher may hand it out."""

    name: str
    label: str
    held: bool


def granted(permissions: frozenset[str], by: Actor) -> list[Granted]:
    rows = Permission.objects.filter(codename__in=[name.split(".")[1] for name in permissions])
    labels = {
        f"{row.content_type.app_label}.{row.codename}": row.name
        for row in rows.select_related("content_type")
    }
    return [Granted(name, labels.get(name, name), by.has_perm(name)) for name in sorted(permissions)]
