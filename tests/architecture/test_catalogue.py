"""What the code declares holds together: names, subjects, patients, what is carried, what can be computed."""

from __future__ import annotations

import json
import re
import uuid
from io import StringIO

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.core.management import CommandError, call_command
from django.db.models import ForeignKey, Model
from django.utils.functional import Promise

from careops.lib import clock
from workflows.catalogue import (
    Action,
    Event,
    Fact,
    Kind,
    Machine,
    Reaction,
    actions,
    channels,
    envelopes,
    event_facts,
    events,
    facts,
    inbound_sources,
    reactions,
)
from workflows.catalogue.event import NAME
from workflows.conditions import operators_for, ref, values_at

VOCABULARIES = {"careops", "careportals", "carevalidate", "canvas", "junction", "restartix"}
FACT = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")
WORD = re.compile(r"[a-z][a-z_]*")

every_event = pytest.mark.parametrize(
    "event", sorted(events, key=lambda event: event.name), ids=lambda event: event.name
)
every_fact = pytest.mark.parametrize(
    "fact", sorted(facts, key=lambda fact: fact.name), ids=lambda fact: fact.name
)
every_action = pytest.mark.parametrize("action", list(actions), ids=lambda action: action.name)


# ── Events ────────────────────────────────────────────────────────────────────────────────────────────────
@every_event
def test_an_event_is_well_spelled(event: Event) -> None:
    assert NAME.fullmatch(event.name)
    assert isinstance(event.says, Promise)
    assert str(event.says).endswith(".")
    assert set(event.aliases) <= VOCABULARIES
    for names in event.aliases.values():
        assert names
        assert len(set(names)) == len(names)
        assert [name for name in names if name != name.strip() or not name] == []


@every_event
def test_an_event_is_about_a_model_and_its_patient(event: Event) -> None:
    model = apps.get_model(event.subject)
    assert model._meta.label == event.subject
    if event.patient is None:
        assert "patient" not in {field.name for field in model._meta.fields}
    else:
        assert patient_model(model, event.patient) == settings.PERSON_MODEL


def patient_model(model: type[Model], path: str) -> str:
    """The label of the model whose id stands at the end of the dotted path of attributes."""
    *relations, last = path.split(".")
    for relation in relations:
        model = model._meta.get_field(relation).related_model
    if last == "pk":
        return model._meta.label
    field = next((field for field in model._meta.concrete_fields if field.attname == last), None)
    if not isinstance(field, ForeignKey):
        raise FieldDoesNotExist(f"{model._meta.label}.{last} is no reference to a patient.")
    return field.related_model._meta.label


@every_event
def test_an_event_carries_what_its_kind_promises(event: Event) -> None:
    promised = {Kind.TRANSITION: {"from", "to"}, Kind.UPDATED: {"changed"}}.get(event.kind, set())
    if event.kind is Kind.CREATED and issubclass(apps.get_model(event.subject), Machine):
        promised = {"to"}
    assert promised <= set(event.carries)
    assert all(WORD.fullmatch(key) for key in event.carries)


# ── Facts ─────────────────────────────────────────────────────────────────────────────────────────────────
@every_fact
@pytest.mark.django_db
def test_a_fact_can_be_computed_for_its_model(fact: Fact) -> None:
    asked = ref(fact.name)
    assert values_at(fact.model, [(uuid.uuid4(), clock.now())], [asked]) == [{asked: None}]


@every_fact
def test_a_fact_reads_in_a_sentence(fact: Fact) -> None:
    assert FACT.fullmatch(fact.name)
    assert isinstance(fact.label, Promise)
    assert str(fact.label) % fact.arguments({})
    assert operators_for(fact.kind)
    assert all(isinstance(parameter.label, Promise) for parameter in fact.parameters)


def test_event_facts_read_in_a_sentence() -> None:
    assert [fact.name for fact in event_facts if not fact.name.startswith("event.")] == []
    assert [fact.name for fact in event_facts if not isinstance(fact.label, Promise)] == []


# ── Actions, reactions, ports ─────────────────────────────────────────────────────────────────────────────
@every_action
@pytest.mark.django_db
def test_an_action_can_be_filled_in_by_people(action: Action) -> None:
    assert WORD.fullmatch(action.name)
    assert isinstance(action.label, Promise)
    unlabelled = [
        name for name, field in action.form().fields.items() if not isinstance(field.label, Promise)
    ]
    assert unlabelled == []


@every_action
def test_an_action_causes_declared_events_only(action: Action) -> None:
    assert [event.name for event in action.causes if event.name not in events] == []


@pytest.mark.parametrize("reaction", list(reactions), ids=lambda reaction: reaction.name)
def test_a_reaction_says_what_it_does_after_declared_events(reaction: Reaction) -> None:
    assert isinstance(reaction.says, Promise)
    assert reaction.on
    assert [event.name for event in reaction.on if event.name not in events] == []


@pytest.mark.parametrize(
    "registry", [events, facts, event_facts, actions, reactions, envelopes, inbound_sources, channels]
)
def test_nothing_can_be_registered_after_the_start(registry: object) -> None:
    assert registry._frozen
    assert len(registry) > 0


# ── The page and the plain data ───────────────────────────────────────────────────────────────────────────
def said(*words: str) -> str:
    out = StringIO()
    call_command("catalogue", *words, stdout=out)
    return out.getvalue()


def test_the_page_is_what_the_code_declares() -> None:
    try:
        assert said("--check") == ""
    except CommandError as error:
        pytest.fail(str(error))


def test_a_page_that_is_out_of_date_names_the_command(settings: object, tmp_path: object) -> None:
    settings.BASE_DIR = tmp_path
    with pytest.raises(CommandError, match="make docs"):
        said("--check")


def test_the_plain_data_has_a_row_for_each_event_and_nothing_else() -> None:
    rows = json.loads(said("--format", "json"))
    assert [row["name"] for row in rows] == sorted(events.names())
    assert {tuple(row) for row in rows} == {("name", "says", "subject", "kind", "carries", "aliases")}
    shipped = next(row for row in rows if row["name"] == "order.shipped")
    assert shipped == {
        "name": "order.shipped",
        "says": "An order was handed over for delivery.",
        "subject": "orders.Order",
        "kind": "transition",
        "carries": ["from", "to"],
        "aliases": {
            "careportals": ["order.shipped", "order.status_updated"],
            "carevalidate": ["ORDER_STATUS_CHANGED"],
        },
    }
