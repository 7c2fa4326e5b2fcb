"""Everybody a rule holds for, and the part of a rule that one model's records decide."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Cast

from tests.workflows.travellers import AT, MODEL, TRAVELLER_FACTS, fact, key, store
from workflows.catalogue import ValueKind, facts
from workflows.conditions import Group, NotAPopulationQuestion, audience, matching, parse, split, values_for

OLD = {"fact": "traveller.age", "operator": "at_least", "value": 65}
NAMED = {"fact": "traveller.name", "operator": "has_value"}
TYPE = {"fact": "traveller.types", "operator": "equals", "value": "session"}
PAID = {"fact": "event.payload.paid", "operator": "is_true"}


@pytest.fixture(autouse=True)
def travellers():
    with facts.temporarily(*TRAVELLER_FACTS):
        yield


@pytest.mark.django_db
def test_audience_is_one_statement(django_assert_num_queries):
    store({"age": 70}, {"age": 64}, {"age": 65, "name": "Ada"}, {})
    with django_assert_num_queries(1):
        assert audience(parse({"all": [OLD]}), Session, AT) == 2
    assert audience(parse({"none": [OLD]}), Session, AT) == 2
    assert audience(parse({}), Session, AT) == 4


@pytest.mark.django_db
def test_matching_narrows_the_queryset_it_is_given_and_selects_no_more():
    store({"age": 70}, {"age": 80})
    found = matching(parse({"all": [OLD]}), Session.objects.filter(pk="1"), AT)
    assert [row.pk for row in found] == ["1"]
    assert "fact_0" not in str(found.query)


@pytest.mark.django_db
def test_the_moment_may_be_an_expression_and_reaches_subqueries():
    store({}, seen=AT - timedelta(days=5))
    tree = parse(
        {"all": [{"fact": "traveller.active", "operator": "is_true", "parameters": {"last_days": 10}}]}
    )
    assert audience(tree, Session, AT) == 1
    assert audience(tree, Session, AT + timedelta(days=6)) == 0
    late = Cast(Value("2026-03-16T12:00:00Z"), DateTimeField())
    assert audience(tree, Session, late) == 0
    assert audience(tree, Session, F("expire_date")) == 1


def test_other_models_and_events_are_no_population_question():
    tree = parse({"any": [OLD, TYPE, PAID, TYPE]})
    with pytest.raises(NotAPopulationQuestion) as caught:
        matching(tree, Session.objects.all(), AT)
    assert caught.value.facts == ("traveller.types", "event.payload.paid")
    assert str(caught.value) == "These facts are not about sessions: traveller.types, event.payload.paid."


@pytest.mark.parametrize(
    ("rule", "required"),
    [
        ({}, {"all": []}),
        ({"all": [OLD, TYPE, PAID]}, {"all": [OLD]}),
        (
            {"all": [TYPE, {"all": [NAMED, PAID]}, {"any": [OLD, NAMED]}]},
            {"all": [NAMED, {"any": [OLD, NAMED]}]},
        ),
        ({"all": [{"any": [OLD, TYPE]}, {"none": [NAMED, PAID]}]}, {"all": []}),
        ({"all": [{"none": [NAMED]}, TYPE]}, {"all": [{"none": [NAMED]}]}),
        ({"any": [OLD, NAMED]}, {"all": [{"any": [OLD, NAMED]}]}),
        ({"any": [OLD, TYPE]}, {"all": []}),
        ({"none": [OLD]}, {"all": [{"none": [OLD]}]}),
    ],
)
def test_split_keeps_what_the_model_alone_must_fulfil(rule, required):
    assert split(parse(rule), Session).dump() == required


def test_split_for_another_model():
    assert split(parse({"all": [OLD, TYPE]}), ContentType).dump() == {"all": [TYPE]}
    assert split(parse({"all": [OLD]}), ContentType) == Group()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "claim"), [(ValueKind.DATE, "a date"), (ValueKind.LIST, "a list")], ids=["date", "list"]
)
def test_a_fact_that_is_not_what_it_claims(kind, claim):
    from django.core.exceptions import ImproperlyConfigured

    with facts.temporarily(fact("wrong", "wrong", kind, lambda: key("name"))):
        tree = parse({"all": [{"fact": "traveller.wrong", "operator": "has_value"}]})
        message = f"Fact 'traveller.wrong' says that it is {claim}, but its expression is a TextField."
        with pytest.raises(ImproperlyConfigured) as caught:
            audience(tree, Session, AT)
        assert str(caught.value) == message


@pytest.mark.django_db
def test_not_a_number_is_no_value_in_both_readings():
    store({"weight": "NaN"}, {"weight": "Infinity"}, {"weight": "-Infinity"}, {"weight": 3})
    tree = parse({"all": [{"fact": "traveller.weight", "operator": "has_no_value"}]})
    assert set(matching(tree, Session.objects.all(), AT).values_list("pk", flat=True)) == {"0", "1", "2"}
    values = values_for(MODEL, ["0", "1", "2", "3"], tree.fact_refs(), AT)
    assert [tree.evaluate(values[each], AT).holds for each in "0123"] == [True, True, True, False]
