"""What the portal's first page is made of. Every app says what there is to do in it and what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from careops.surfaces.portal import PortalView

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Todo:
    """Something the patient can do now: what, why, until when (None: whenever), and the button that leads there.

    ``url`` is the page about it. With ``act_url`` the button does it at once, by a POST to that address.
    """

    title: str
    why: str
    action: str
    url: str
    act_url: str = ""
    due: datetime | None = None
    #: Stands before everything else: as soon as they can.
    urgent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """A part of the page: rows, how a template shows them, and the page that has all of them."""

    title: str
    template: str
    rows: Sequence[Any]
    url: str
    more: str
    #: Where it stands on the page: those of the wide column first, lower numbers higher up.
    place: int
    aside: bool = False


#: Called with the page itself, whose ``records`` narrows queries to the patient's own and whose ``listed`` notes them.
TodoSource = Callable[[PortalView], Iterable[Todo]]
PanelSource = Callable[[PortalView], Panel]

_todo_sources: list[TodoSource] = []
_panel_sources: list[PanelSource] = []


def todo_source(source: TodoSource) -> TodoSource:
    """Add a source of things to do; a decorator."""
    _todo_sources.append(source)
    return source


def panel_source(source: PanelSource) -> PanelSource:
    """Add a part of the page; a decorator."""
    _panel_sources.append(source)
    return source


def todos(page: PortalView) -> list[Todo]:
    """What this patient can do now, the most pressing first."""
    found = [todo for source in _todo_sources for todo in source(page)]
    return sorted(found, key=lambda todo: (not todo.urgent, todo.due or NEVER))


def panels(page: PortalView) -> list[Panel]:
    return sorted((source(page) for source in _panel_sources), key=lambda panel: panel.place)
