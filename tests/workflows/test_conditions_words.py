"""A rule as a sentence, and a line of its trace as a reason."""

from __future__ import annotations

import pytest

from tests.workflows.travellers import AT, TRAVELLER_FACTS, fact
from workflows.catalogue import Parameter, ValueKind, facts
from workflows.conditions import asked, parse, reason, ref, sentence


@pytest.fixture(autouse=True)
def travellers():
    with facts.temporarily(*TRAVELLER_FACTS):
        yield


def said(*args, group="all", **parameters):
    fact, operator, *value = args
    leaf = {"fact": fact, "operator": operator, "parameters": parameters} | (
        {"value": value[0]} if value else {}
    )
    return sentence(parse({group: [leaf]}))


OLD = {"fact": "traveller.age", "operator": "at_least", "value": 65}
PLAN = {"fact": "traveller.plan", "operator": "one_of", "value": ["gold", "none"]}
VIP = {"fact": "traveller.vip", "operator": "is_true"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, "always"),
        ({"all": [OLD]}, "the traveller's age is at least 65 years"),
        (
            {"all": [OLD, PLAN]},
            "the traveller's age is at least 65 years and the traveller's plan is one of Gold plan, No plan",
        ),
        (
            {"any": [OLD, {"all": [PLAN, VIP]}]},
            "any of (the traveller's age is at least 65 years or"
            " all of (the traveller's plan is one of Gold plan, No plan and the VIP mark is true))",
        ),
        (
            {"all": [VIP, {"none": [OLD, VIP]}]},
            "the VIP mark is true and none of (the traveller's age is at least 65 years or the VIP mark is true)",
        ),
    ],
)
def test_groups(rule, expected):
    assert sentence(parse(rule)) == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("traveller.name", "starts_with", "Mc"), "the traveller's name starts with “Mc”"),
        (("traveller.weight", "between", [0.5, 20]), "the luggage's weight is between 0.5 and 20"),
        (("traveller.seen", "within_last_days", 90), "the last visit is within the last 90 days"),
        (("traveller.seen", "within_next_days", 1), "the last visit is within the next 1 day"),
        (("traveller.born", "before", "1960-02-01"), "the date of birth is before Feb. 1, 1960"),
        (
            ("traveller.seen", "after", "2026-03-10T09:30:00+00:00"),
            "the last visit is after March 10, 2026, 9:30 a.m.",
        ),
        (("traveller.tags", "includes_any", ["a", "b"]), "the traveller's tags includes any of “a”, “b”"),
        (("traveller.name", "has_no_value"), "the traveller's name has no value"),
        (("event.payload.order.id", "equals", "7"), "the payload's “order.id” is “7”"),
        (("step.book.result.id", "has_value"), "“id” in the result of step “book” has a value"),
        (("step.book.result", "has_value"), "the result of step “book” has a value"),
    ],
)
def test_conditions(args, expected):
    assert said(*args) == expected


def test_parameters_stand_in_the_label_or_behind_it():
    assert said("traveller.active", "is_true", last_days=30) == "activity in the last 30 days is true"
    visits = fact(
        "visits",
        "the number of visits",
        ValueKind.NUMBER,
        lambda **_parameters: None,
        parameters=(
            Parameter(name="last_days", label="days", default=90),
            Parameter(name="no", label="from", default=1),
        ),
    )
    with facts.temporarily(visits):
        expected = "the number of visits (days: 7, from: 1) is more than 3"
        assert said("traveller.visits", "more_than", 3, last_days=7) == expected


def test_a_choice_that_is_gone_is_said_as_it_was_stored():
    rule = {"all": [{"fact": "traveller.plan", "operator": "equals", "value": "bronze"}]}
    assert sentence(parse(rule, stored=True)) == "the traveller's plan is bronze"


@pytest.mark.parametrize(
    ("args", "actual", "expected"),
    [
        (("traveller.age", "at_least", 65), 61, "the traveller's age: 61 (asked: is at least 65)"),
        (("traveller.age", "at_least", 65), None, "the traveller's age: no value (asked: is at least 65)"),
        (("traveller.vip", "is_true"), False, "the VIP mark: no (asked: is true)"),
        (("traveller.tags", "includes", "a"), [], "the traveller's tags: nothing (asked: includes a)"),
        (("traveller.weight", "between", [1, 2]), 3, "the luggage's weight: 3 (asked: is between 1, 2)"),
    ],
)
def test_reasons(args, actual, expected):
    name, operator, *value = args
    leaf = {"fact": name, "operator": operator} | ({"value": value[0]} if value else {})
    trace = parse({"all": [leaf]}).evaluate({ref(name): actual}, AT).trace
    assert reason(asked(leaf), trace["saw"][name]) == expected


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (
            {"fact": "traveller.gone", "operator": "at_least", "value": 65, "parameters": {"last_days": 9}},
            "traveller.gone: 61 (asked: is at least 65)",
        ),
        (
            {"fact": "traveller.active", "operator": "gone", "value": [1, 2.5], "parameters": {"last_days": 9}},
            "activity in the last 9 days: 61 (asked: gone 1, 2.5)",
        ),
        (
            {"fact": "traveller.active", "operator": "is_true", "parameters": {"last_hours": 9}},
            "traveller.active: 61 (asked: is true)",
        ),
        ({"fact": "traveller.age", "operator": "contains", "value": "6"},
         "the traveller's age: 61 (asked: contains 6)"),
    ],
    ids=["fact", "operator", "parameter", "kind"],
)  # fmt: skip
def test_what_the_code_knows_no_more_is_called_by_its_name(leaf, expected):
    assert reason(asked(leaf), 61) == expected
