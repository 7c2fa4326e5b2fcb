"""Every operator, row by row: what it means in Python, and that PostgreSQL says the same."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session

from tests.workflows.travellers import AT, MODEL, TRAVELLER_FACTS, store
from workflows.catalogue import ValueKind, facts
from workflows.conditions import matching, operators, operators_for, parse, values_for

# operator, the traveller's key, the value needed, the actual values for which it holds, those for which not
TABLE = [
    ("equals", "age", 65, [65], [64, 66]),
    ("equals", "age", 64.5, [], [64, 65]),
    ("equals", "weight", 0.1, [0.1], [0.2, 0.10000001]),
    ("equals", "name", "Ada", ["Ada"], ["ada", "Ada ", "Ad"]),
    ("equals", "plan", "gold", ["gold"], ["silver", "platinum"]),
    ("equals", "born", "2026-03-10", ["2026-03-10"], ["2026-03-09", "2026-03-11"]),
    ("equals", "born", "2026-03-10T15:00:00+00:00", ["2026-03-10"], ["2026-03-11"]),
    ("equals", "seen", "2026-03-10", ["2026-03-10T00:00:00Z", "2026-03-10T23:59:59.999999Z"], ["2026-03-11T00:00:00Z"]),
    ("equals", "seen", "2026-03-10T10:00:00+02:00", ["2026-03-10T08:00:00Z"], ["2026-03-10T08:00:00.000001Z"]),
    ("not_equals", "age", 65, [64, 66], [65]),
    ("not_equals", "weight", 1.5, [1], [1.5]),
    ("not_equals", "name", "Ada", ["ada", "Bob"], ["Ada", ""]),
    ("not_equals", "plan", "gold", ["silver", "platinum"], ["gold"]),
    ("not_equals", "seen", "2026-03-10", ["2026-03-11T00:00:00Z"], ["2026-03-10T12:00:00Z"]),
    ("is_text", "name", "ADA", ["Ada", "ada"], ["Ada B", "Bada", ""]),
    ("at_least", "age", 65, [65, 66], [64]),
    ("at_least", "age", 64.5, [65], [64]),
    ("more_than", "age", 64.5, [65], [64]),
    ("more_than", "weight", 2, [2.01], [2, 1.99]),
    ("at_most", "age", 64.5, [64, -3], [65]),
    ("less_than", "age", 65, [64], [65]),
    ("less_than", "age", 64.5, [64], [65]),
    ("between", "age", [18, 21], [18, 20, 21], [17, 22]),
    ("between", "born", ["2000-01-01", "2000-12-31"], ["2000-01-01", "2000-12-31"], ["1999-12-31", "2001-01-01"]),
    ("between", "seen", ["2026-03-01", "2026-03-02"], ["2026-03-02T23:59:59Z"], ["2026-03-03T00:00:00Z"]),
    ("divisible_by", "age", 7, [0, 7, -14], [1, 15]),
    ("divisible_by", "weight", 2, [4.0], [4.5]),
    ("one_of", "age", [1, 2.0, 3], [1, 2, 3], [4]),
    ("one_of", "name", ["Ada", "Bob"], ["Ada", "Bob"], ["ada", "Eve"]),
    ("one_of", "plan", ["gold", "silver"], ["gold"], ["none", "platinum"]),
    ("none_of", "plan", ["gold", "silver"], ["none", "platinum"], ["gold", "silver"]),
    ("none_of", "name", ["Ada"], ["Bob"], ["Ada", ""]),
    ("none_of", "age", [1.5, 2], [1, 3], [2]),
    ("contains", "name", "É%_", ["xé%_y", "É%_"], ["éab", "e%_"]),
    ("contains", "name", ".*", ["a.*b"], ["abc"]),
    ("contains", "name", "a\\b", ["A\\B"], ["ab"]),
    ("starts_with", "name", "(ad", ["(ada", "(AD"], ["ada", "x(ad", "x\n(ad"]),
    ("ends_with", "name", "a$", ["x\nA$"], ["a$x", "a$\n"]),
    ("includes", "tags", "vip", [["vip"], ["a", "vip"]], [["VIP"], ["vi"], []]),
    ("includes_any", "tags", ["a", "b"], [["b", "c"], ["a"]], [["c"], []]),
    ("excludes", "tags", "vip", [["a"], []], [["vip"], ["a", "vip"]]),
    ("before", "born", "2026-03-10", ["2026-03-09"], ["2026-03-10"]),
    ("before", "seen", "2026-03-10", ["2026-03-09T23:59:59Z"], ["2026-03-10T00:00:00Z"]),
    ("before", "seen", "2026-03-10T01:00:00+01:00", ["2026-03-09T23:59:59.999999Z"], ["2026-03-10T00:00:00Z"]),
    ("after", "born", "2026-03-10", ["2026-03-11"], ["2026-03-10"]),
    ("after", "seen", "2026-03-10", ["2026-03-11T00:00:00Z"], ["2026-03-10T23:59:59.999999Z"]),
    ("after", "seen", "2026-03-10T00:00:00Z", ["2026-03-10T00:00:00.000001Z"], ["2026-03-10T00:00:00Z"]),
    ("within_last_days", "seen", 7, ["2026-03-03T12:00:00Z", "2026-03-10T12:00:00Z"],
     ["2026-03-03T11:59:59Z", "2026-03-10T12:00:01Z"]),
    ("within_last_days", "born", 7, ["2026-03-03", "2026-03-10"], ["2026-03-02", "2026-03-11"]),
    ("within_last_days", "born", 0, ["2026-03-10"], ["2026-03-09", "2026-03-11"]),
    ("within_next_days", "seen", 1, ["2026-03-10T12:00:00Z", "2026-03-11T12:00:00Z"],
     ["2026-03-10T11:59:59Z", "2026-03-11T12:00:01Z"]),
    ("within_next_days", "born", 1, ["2026-03-10", "2026-03-11"], ["2026-03-09", "2026-03-12"]),
    ("is_true", "vip", None, [True], [False]),
    ("is_false", "vip", None, [False], [True]),
    ("has_value", "age", None, [0], []),
    ("has_value", "vip", None, [False], []),
    ("has_value", "name", None, [" "], [""]),
    ("has_value", "tags", None, [["a"]], [[]]),
    ("has_value", "seen", None, ["2026-03-10T00:00:00Z"], []),
    ("has_no_value", "name", None, [""], [" "]),
    ("has_no_value", "tags", None, [[]], [["a"]]),
    ("has_no_value", "weight", None, [], [0.0]),
]  # fmt: skip


@pytest.fixture(autouse=True)
def travellers():
    with facts.temporarily(*TRAVELLER_FACTS):
        yield


def verdicts(tree, count):
    """For each stored row: what evaluating says, and whether the query finds it."""
    ids = [str(place) for place in range(count)]
    values = values_for(MODEL, ids, tree.fact_refs(), AT)
    found = set(matching(tree, Session.objects.all(), AT).values_list("pk", flat=True))
    return [tree.evaluate(values[each], AT).holds for each in ids], [each in found for each in ids]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "key", "needed", "holding", "failing"), TABLE)
def test_python_and_sql_agree_on_the_table(name, key, needed, holding, failing):
    store(*({key: actual} for actual in [*holding, *failing]))
    leaf = {"fact": f"traveller.{key}", "operator": name} | ({} if needed is None else {"value": needed})
    expected = [True] * len(holding) + [False] * len(failing)
    assert verdicts(parse({"all": [leaf]}), len(expected)) == (expected, expected)
    turned = [not each for each in expected]
    assert verdicts(parse({"none": [leaf]}), len(expected)) == (turned, turned)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "key", "needed"), sorted({row[0]: row[:3] for row in TABLE}.values(), key=str)
)
def test_a_missing_value_holds_for_has_no_value_only(name, key, needed):
    store({}, {key: None})
    leaf = {"fact": f"traveller.{key}", "operator": name} | ({} if needed is None else {"value": needed})
    expected = [name == "has_no_value"] * 2
    assert verdicts(parse({"all": [leaf]}), 2) == (expected, expected)
    turned = [not each for each in expected]
    assert verdicts(parse({"none": [leaf]}), 2) == (turned, turned)


def test_every_operator_is_in_the_table():
    assert {row[0] for row in TABLE} == set(operators.names())


def test_every_kind_of_every_operator_is_in_the_table():
    kinds = {fact.name: fact.kind for fact in TRAVELLER_FACTS}
    tested = {(row[0], kinds[f"traveller.{row[1]}"]) for row in TABLE}
    # Having a value means the same for a choice as for a text.
    missing = {(each.name, kind) for each in operators for kind in each.kinds} - tested
    assert {pair for pair in missing if not pair[0].startswith("has_")} == set()


def test_operators_for_a_kind_in_the_order_of_the_table():
    assert [each.name for each in operators_for(ValueKind.BOOLEAN)] == [
        "is_true",
        "is_false",
        "has_value",
        "has_no_value",
    ]
    assert [each.name for each in operators_for(ValueKind.LIST)] == [
        "includes",
        "includes_any",
        "excludes",
        "has_value",
        "has_no_value",
    ]
