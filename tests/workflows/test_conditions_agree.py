"""Random trees over random travellers: evaluating, querying and speaking are three readings of one rule."""

from __future__ import annotations

import json

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflows.travellers import AT, MODEL, PLANS, TRAVELLER_FACTS, in_memory, store
from workflows.catalogue import ValueKind, facts
from workflows.conditions import (
    FactRef,
    Group,
    asked,
    matching,
    operators_for,
    parse,
    reason,
    sentence,
    split,
    values_for,
)
from workflows.conditions.words import condition
from workflows.traces import Story

# Few values, so that they meet; nasty letters, so that locales, patterns and escapes would show.
LETTERS = "aAéÉßẞıIİſkK\u212a%_\\.*[]^$-'\" \n😀ǅ"
texts = st.text(LETTERS, min_size=1, max_size=3)
numbers = st.one_of(st.integers(-3, 4), st.sampled_from([0.5, 1.5, -0.1, 2.25]))
days = st.dates(AT.date().replace(day=7), AT.date().replace(day=13)).map(str)
moments = st.sampled_from(
    ["2026-03-10T12:00:00+00:00", "2026-03-10T00:00:00+00:00", "2026-03-09T23:59:59.999999+00:00",
     "2026-03-11T01:30:00+02:00", "2026-03-08T12:00:00+00:00", "2026-03-12T12:00:00+00:00"]
)  # fmt: skip
plans = st.sampled_from([value for value, _label in PLANS])
tags = st.sampled_from(["a", "b", "vip", "", "É"])

travellers = st.fixed_dictionaries(
    {},
    optional={
        "age": st.integers(-3, 4) | st.none(),
        "weight": numbers | st.none(),
        "name": texts | st.just("") | st.none(),
        "plan": plans | st.just("platinum") | st.none(),
        "vip": st.booleans() | st.none(),
        "born": days,
        "seen": moments,
        "tags": st.lists(tags, max_size=3),
    },
)
needed_by_kind = {
    ValueKind.NUMBER: numbers,
    ValueKind.TEXT: texts,
    ValueKind.CHOICE: plans,
    ValueKind.DATE: days | moments,
    ValueKind.LIST: tags.filter(bool),
}


def ordered(pair):
    """A range's ends in the order the rule wants; days and moments are not mixed here."""
    return sorted(pair, key=lambda each: each if isinstance(each, int | float) else str(each))


@st.composite
def leaves(draw):
    fact = draw(st.sampled_from([each for each in TRAVELLER_FACTS if each.model == MODEL]))
    operator = draw(st.sampled_from(operators_for(fact.kind)))
    leaf = {"fact": fact.name, "operator": operator.name}
    needed = st.integers(0, 3) if operator.span else needed_by_kind.get(fact.kind)
    if operator.name == "divisible_by":
        needed = st.integers(1, 3)
    if operator.takes == "value":
        leaf["value"] = draw(needed)
    elif operator.takes == "values":
        leaf["value"] = draw(st.lists(needed, min_size=1, max_size=3))
    elif operator.takes == "range":
        same = days if fact.kind is ValueKind.DATE else numbers
        leaf["value"] = ordered(draw(st.tuples(same, same)))
    if fact.parameters:
        leaf["parameters"] = {"last_days": draw(st.sampled_from([1, 5, 6]))}
    return leaf


def groups(members):
    return st.builds(
        lambda kind, of: {kind: of},
        st.sampled_from(["all", "any", "none"]),
        st.lists(members, min_size=1, max_size=3),
    )


def mistakes(data):
    try:
        parse(data)
    except ValidationError as error:
        return error.error_list
    return []


rules = groups(st.recursive(leaves(), groups, max_leaves=6))
relaxed = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def traveller_facts():
    with facts.temporarily(*TRAVELLER_FACTS):
        yield


@pytest.mark.django_db
@relaxed
@given(rule=rules, people=st.lists(travellers, min_size=1, max_size=6))
def test_evaluating_and_querying_agree(rule, people):
    tree = parse(rule)
    store(*people)
    ids = [str(place) for place in range(len(people))]
    values = values_for(MODEL, ids, tree.fact_refs(), AT)
    evaluated = {each for each in ids if tree.evaluate(values[each], AT).holds}
    assert set(matching(tree, Session.objects.all(), AT).values_list("pk", flat=True)) == evaluated
    # The bound that one model sets on a tree about it alone is the tree.
    assert (
        set(matching(split(tree, Session), Session.objects.all(), AT).values_list("pk", flat=True))
        == evaluated
    )


@pytest.mark.django_db
@relaxed
@given(rule=rules, person=travellers)
def test_values_from_memory_and_from_the_database_agree(rule, person):
    tree = parse(rule)
    store(person)
    stored = values_for(MODEL, ["0"], tree.fact_refs(), AT)["0"]
    held = {FactRef(name): value for name, value in in_memory(person).items() if value is not None}
    computed = {
        ref: value for ref, value in stored.items() if ref.name in ("traveller.active", "traveller.asked_at")
    }
    assert tree.evaluate(held | computed, AT).trace == tree.evaluate(stored, AT).trace


@relaxed
@given(rule=rules)
def test_dump_and_parse_round_trip(rule):
    tree = parse(rule)
    stored = json.loads(json.dumps(tree.dump()))
    assert parse(stored) == tree
    assert parse(stored).dump() == tree.dump()


@relaxed
@given(rule=rules)
def test_the_sentence_mentions_every_condition(rule):
    tree = parse(rule)
    said = sentence(tree)
    assert [condition(leaf) for leaf in tree.leaves() if condition(leaf) not in said] == []


@relaxed
@given(
    rule=rules,
    junk=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_evaluating_never_raises_and_the_trace_is_json(rule, junk):
    tree = parse(rule)
    verdict = tree.evaluate(dict.fromkeys(tree.fact_refs(), junk), AT)
    assert json.loads(json.dumps(verdict.trace, allow_nan=False)) == verdict.trace


class Superuser:
    def has_perm(self, permission):
        return True


@relaxed
@given(rule=rules, person=travellers)
def test_the_story_of_a_stored_trace_tells_what_was_found(rule, person):
    """Told from the stored rule and the stored trace alone."""
    values = {FactRef(name): value for name, value in in_memory(person).items()}
    tree = parse(rule)
    verdict = tree.evaluate(values, AT)
    rule, trace = (json.loads(json.dumps(each)) for each in (rule, verdict.trace))
    lines = list(Story(rule).lines(trace, Superuser()))
    top = [line.holds for line in lines if line.depth == 0]
    assert ([all(top)] if "all" in rule else top) == [verdict.holds]
    said = [line for line in lines if line.number]
    assert [line.number for line in said] == list(range(1, len(said) + 1))
    for line, leaf in zip(said, tree.leaves(), strict=True):
        alone = Group("all", (leaf,)).evaluate(values, AT)
        (actual,) = alone.saw.values()
        assert line.holds is alone.holds
        assert line.text == reason(asked(leaf.dump()), actual)
    if not verdict.holds and "all" in rule:
        first = next((line for line in said if not line.holds), None)
        why_not = Story(rule).why_not(trace, Superuser())
        assert first is None or why_not == f"stopped by condition {first.number}: {first.text}"


@relaxed
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("traveller.age"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["all", "any", "none", "fact", "operator", "value", "parameters", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_parsing_junk_complains_and_never_crashes(data):
    found = mistakes(data)
    assert [
        each for each in found if not each.code or "path" not in each.params or not each.messages[0]
    ] == []
