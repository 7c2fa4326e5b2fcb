"""What the tests of the lab ask again and again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.db.models import Model

from workflows.catalogue import events
from workflows.models import EventRecord

FIXTURES = Path(__file__).parent.parent / "fixtures" / "junction"


def told(record: Model) -> list[tuple[str, dict[str, Any]]]:
    """The events about that record so far, oldest first."""
    rows = EventRecord.objects.filter(subject_type=record._meta.label, subject_id=record.pk).order_by("id")
    return [(row.name, row.data) for row in rows]


def names(record: Model) -> list[str]:
    return [name for name, _data in told(record)]


def junction_notices(record: Model) -> list[str]:
    """The ``labtest.order.*`` webhooks that somebody who speaks Junction's vocabulary would get about it."""
    return [
        alias
        for name in names(record)
        for alias in events.get(name).names_in("junction")
        if alias.startswith("labtest.order.")
    ]


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())
