"""State machines as they are declared: where each move leads, as data and as a Mermaid drawing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps

from workflows.catalogue import Machine, Move


@dataclass(frozen=True, slots=True)
class Edge:
    """One way a move may go. A move that chooses its target has an edge to each that it may choose."""

    move: Move
    source: str
    target: str


def all_machines() -> list[type[Machine]]:
    """Every installed machine, by label."""
    found = [model for model in apps.get_models() if issubclass(model, Machine)]
    return sorted(found, key=lambda model: model._meta.label)


def edges(model: type[Machine]) -> list[Edge]:
    """Every declared way, in the order of the moves."""
    return [
        Edge(move, source, target)
        for move in model.moves().values()
        for source, targets in _declared(model, move.name)
        for target in targets
    ]


def _declared(model: type[Machine], name: str) -> Iterator[tuple[str, list[str]]]:
    declared: Any = getattr(model, name)._django_fsm
    for way in declared.transitions.values():
        chosen = [way.target] if isinstance(way.target, str) else list(way.target.allowed_states)
        yield str(way.source), [str(target) for target in chosen]


def initial(model: type[Machine]) -> str:
    """The state a new record has unless it is made with another one."""
    return str(model._meta.get_field("state").get_default())  # type: ignore[misc]  # an abstract base has none


def drawing(model: type[Machine]) -> str:
    """Mermaid text. A move that chooses its target is left to the table beside it: it would cover everything."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state}" as {_id(state)}' for state in model.states()]
    lines.append(f"    [*] --> {_id(initial(model))}")
    lines += [
        f"    {_id(edge.source)} --> {_id(edge.target)}: {edge.move.name}"
        for edge in edges(model)
        if edge.move.target is not None
    ]
    return "\n".join(lines)


def _id(state: str) -> str:
    """Mermaid's own words (``state``, ``end``) and dots cannot be names of states."""
    return "s_" + re.sub(r"\W", "_", state)
