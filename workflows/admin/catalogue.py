"""What the builder offers: triggers, facts and operators from the registries, as JSON for the page's scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from workflows.admin.texts import texts
from workflows.catalogue import Event, EventFact, Fact, actions, event_facts, events, facts
from workflows.conditions import operators


def builder_data() -> dict[str, Any]:
    """Everything the scripts need, once per page."""
    return {
        "triggers": list(triggers()),
        "facts": [*(_fact(each, each.model, noun(each.model)) for each in facts), *_event_facts()],
        "operators": [
            {"name": each.name, "words": str(each.words), "kinds": sorted(each.kinds), "takes": each.takes,
             "whole": each.reads is not None, "spans": each.span is not None}
            for each in operators
        ],
        "actions": {each.name: str(each.label) for each in actions},
        "texts": texts(),
    }  # fmt: skip


def noun(label: str) -> str:
    return capfirst(str(apps.get_model(label)._meta.verbose_name))


# ── Triggers ──────────────────────────────────────────────────────────────────────────────────────────────
def triggers() -> Iterator[dict[str, Any]]:
    """Every name a trigger may have, each once: the events' own, then those of the other vocabularies."""
    for event in events:
        yield _trigger(event.name, [event], "")
    own = {event.name for event in events}
    for vocabulary, name in sorted(_foreign_names()):
        if name not in own:
            own.add(name)
            yield _trigger(name, events.named(name), vocabulary)


def _foreign_names() -> set[tuple[str, str]]:
    return {
        (vocabulary, name)
        for event in events
        for vocabulary, names in event.aliases.items()
        for name in names
    }


def _trigger(name: str, meant: list[Event], vocabulary: str) -> dict[str, Any]:
    return {
        "name": name,
        "says": _says(meant),
        "noun": noun(meant[0].subject),
        "vocabulary": vocabulary,
        "models": answering(meant),
    }


def _says(meant: list[Event]) -> str:
    if len(meant) == 1:
        return str(meant[0].says)
    names = ", ".join(event.name for event in meant[:3])
    pattern = _("Any of %(number)s events: %(names)s …") if len(meant) > 3 else _("Any of: %(names)s")
    return pattern % {"number": len(meant), "names": names}


def answering(meant: list[Event]) -> list[str]:
    """The models whose facts all of these events can answer."""
    sets = [
        {event.subject, *([settings.PERSON_MODEL] if event.patient is not None else [])} for event in meant
    ]
    return sorted(set.intersection(*sets)) if sets else []


def trigger_choices() -> list[tuple[str, Any]]:
    """The same for a plain <select>, grouped by noun: what a browser without scripts shows."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for each in triggers():
        label = f"{each['name']} — {each['says']}"
        if each["vocabulary"]:
            label = f"{each['name']} ({each['vocabulary']}) — {each['says']}"
        groups.setdefault(each["noun"], []).append((each["name"], label))
    return [("", "—"), *sorted(groups.items())]


# ── Facts ─────────────────────────────────────────────────────────────────────────────────────────────────
def _event_facts() -> Iterator[dict[str, Any]]:
    for each in event_facts:
        yield _fact(each, "", _("The event itself"))


def _fact(fact: Fact | EventFact, model: str, group: str) -> dict[str, Any]:
    return {
        "name": fact.name,
        "label": _label(fact),
        "model": model,
        "group": group,
        "kind": fact.kind.value,
        "unit": str(fact.unit),
        "choices": [[str(value), str(shown)] for value, shown in fact.choices()] if fact.choices else None,
        "parameters": [
            {"name": each.name, "label": str(each.label), "default": each.default,
             "minimum": each.minimum, "maximum": each.maximum}
            for each in fact.parameters
        ],
    }  # fmt: skip


def _label(fact: Fact | EventFact) -> str:
    """The label with an ellipsis for each parameter, which the row asks for."""
    text = str(fact.label)
    return text % {each.name: "…" for each in fact.parameters} if "%(" in text else text
