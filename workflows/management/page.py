"""The catalogue as one Markdown page: everything an installation knows how to hear, ask and do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from django import forms
from django.apps import apps
from django.utils.text import capfirst

from workflows.catalogue import (
    Action,
    Event,
    Fact,
    Machine,
    Move,
    actions,
    envelopes,
    event_facts,
    events,
    facts,
    inbound_sources,
    reactions,
)
from workflows.catalogue.fact import EventFact
from workflows.catalogue.machine import announced
from workflows.conditions import operators
from workflows.management.charts import all_machines, drawing, edges

INTRODUCTION = """\
# Catalogue

Everything this installation knows how to hear, ask and do, read from the code's own declarations. Written by
`make docs`; a test compares it with the code, so edit the declarations and not this page.
"""

OPEN_FACTS = """\
Two more look into data, along a path of names: `event.payload.<path>` into what the event carries, and
`step.<key>.result.<path>` into the result of an earlier step of the same run.
"""


def page() -> str:
    """The whole page, ending in one newline."""
    chapters = (
        INTRODUCTION,
        _chapter("Events", "What happens, grouped by the record it is about.", _events()),
        _chapter("Facts", "What a condition may ask.", _facts()),
        _chapter("Actions", "What a step may do.", _actions()),
        _chapter("Operators", "How a condition compares.", [_operators()]),
        _chapter("Built-in reactions", "What follows whatever the automations say.", [_reactions()]),
        _chapter("Inbound sources", "Who may send signed messages, and where to.", [_sources()]),
        _chapter("Vocabularies", "How other systems spell our events.", _vocabularies()),
        _chapter("State machines", "What may become of a record, and who may make it so.", _machines()),
    )
    return "\n".join(chapters)


def rows() -> list[dict[str, Any]]:
    """The events as plain data, by name: what `--format json` prints."""
    return [
        {
            "name": event.name,
            "says": str(event.says),
            "subject": event.subject,
            "kind": str(event.kind),
            "carries": list(event.carries),
            "aliases": {vocabulary: list(names) for vocabulary, names in sorted(event.aliases.items())},
        }
        for event in sorted(events, key=lambda event: event.name)
    ]


# ── Words of Markdown ─────────────────────────────────────────────────────────────────────────────────────
def _chapter(title: str, says: str, sections: Iterable[str]) -> str:
    return "\n".join([f"## {title}\n", f"{says}\n", *sections])


def _table(heads: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    drawn = [heads, ["---"] * len(heads), *lines]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in drawn)


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _noun(label: str) -> str:
    return str(capfirst(apps.get_model(label)._meta.verbose_name))


# ── Chapters ──────────────────────────────────────────────────────────────────────────────────────────────
def _by_subject(found: Iterable[Event]) -> Iterator[tuple[str, list[Event]]]:
    ordered = sorted(found, key=lambda event: (event.subject, event.name))
    for subject, group in groupby(ordered, key=lambda event: event.subject):
        yield subject, list(group)


def _events() -> Iterator[str]:
    heads = ("Name", "Kind", "Says", "Carries", "Also known as")
    for subject, group in _by_subject(events):
        yield f"### {_noun(subject)}\n\n`{subject}`\n"
        yield _table(
            heads,
            ((f"`{event.name}`", event.kind, _sentence(event), _code(event.carries), _aliases(event)) for event in group),
        )  # fmt: skip


def _sentence(event: Event) -> str:
    return f"{event.says} {event.unless}".strip()


def _aliases(event: Event) -> str:
    return "; ".join(f"{vocabulary}: {_code(names)}" for vocabulary, names in sorted(event.aliases.items()))


def _facts() -> Iterator[str]:
    heads = ("Name", "Label", "Kind", "Privacy", "Seen with", "Parameters")
    yield "### The event itself\n"
    yield _table(heads, map(_fact, event_facts))
    yield OPEN_FACTS
    ordered = sorted(facts, key=lambda fact: fact.model)
    for model, group in groupby(ordered, key=lambda fact: fact.model):
        yield f"### About the {apps.get_model(model)._meta.verbose_name}\n\n`{model}`\n"
        yield _table(heads, map(_fact, group))


def _fact(fact: Fact | EventFact) -> Sequence[Any]:
    parameters = ", ".join(
        f"`{each.name}` ({each.label}, {each.minimum} to {each.maximum}, else {each.default})"
        for each in fact.parameters
    )
    unit = f" ({fact.unit})" if fact.unit else ""
    seen_with = f"`{fact.needs}`" if isinstance(fact, Fact) else "the event"
    return f"`{fact.name}`", f"{fact.label}{unit}", fact.kind, fact.privacy, seen_with, parameters


def _actions() -> Iterator[str]:
    for action in sorted(actions, key=lambda action: action.name):
        yield f"### `{action.name}`\n\n{_about(action)}\n"
        yield _table(("Parameter", "Label", "Needed", "Help"), _parameters(action.form()))


def _about(action: Action) -> str:
    words = [f"{action.label}."]
    if action.needs_patient:
        words.append("Only after events that concern a patient.")
    if action.causes:
        words.append(f"May cause {_code(event.name for event in action.causes)}.")
    return " ".join(words)


def _parameters(form: forms.Form) -> Iterator[Sequence[Any]]:
    for name, field in form.fields.items():
        yield f"`{name}`", field.label, "yes" if field.required else "", field.help_text


def _operators() -> str:
    return _table(
        ("Name", "Words", "For", "Compares with"),
        ((f"`{each.name}`", each.words, ", ".join(sorted(each.kinds)), _takes(each.takes)) for each in operators),
    )  # fmt: skip


def _takes(takes: str) -> str:
    return {"value": "one value", "values": "a list", "range": "two values", "none": "nothing"}[takes]


def _reactions() -> str:
    return _table(
        ("Name", "Says", "After"),
        ((f"`{each.name}`", each.says, _code(event.name for event in each.on)) for each in reactions),
    )


def _sources() -> str:
    return _table(
        ("Name", "Label", "Address"),
        ((f"`{each.name}`", each.label, f"`POST /hooks/{each.name}/`") for each in inbound_sources),
    )


def _vocabularies() -> Iterator[str]:
    known = {vocabulary for event in events for vocabulary in event.aliases}
    for vocabulary in sorted(known | set(envelopes.names())):
        yield f"### {vocabulary}\n"
        if vocabulary in envelopes:
            yield "Webhook bodies can be written in it.\n"
        spelled: dict[str, list[str]] = {}
        for event in sorted(events, key=lambda event: event.name):
            for name in event.aliases.get(vocabulary, ()):
                spelled.setdefault(name, []).append(event.name)
        if spelled:
            yield _table(
                ("Name there", "Here"), ((f"`{name}`", _code(spelled[name])) for name in sorted(spelled))
            )
        else:
            yield "Our own names.\n"


def _machines() -> Iterator[str]:
    for model in all_machines():
        yield f"### {_noun(model._meta.label)} states\n\n`{model._meta.label}`\n"
        yield f"```mermaid\n{drawing(model)}\n```\n"
        yield _table(
            ("Move", "Label", "From", "To", "Permission", "Event"),
            (_move(model, move) for move in model.moves().values()),
        )


def _move(model: type[Machine], move: Move) -> Sequence[Any]:
    ways = [edge for edge in edges(model) if edge.move is move]
    return (
        f"`{move.name}`",
        move.label if move.offered else f"{move.label} (not offered to people)",
        _states(model, {edge.source for edge in ways}),
        _states(model, {edge.target for edge in ways}),
        f"`{move.needs}`" if move.needs else "the system alone",
        _code(event.name for event in announced(move.announces)) or "silent",
    )


def _states(model: type[Machine], found: set[str]) -> str:
    states = list(model.states())
    return "any" if found == set(states) else _code(sorted(found, key=states.index))
