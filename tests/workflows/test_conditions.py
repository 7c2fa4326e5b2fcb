"""Reading a rule from JSON, refusing what could not be evaluated, and judging one subject with a trace."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from tests.workflows.travellers import AT, EVENT_PAST, EVENT_TO, TRAVELLER_FACTS
from workflows.catalogue import ValueKind, event_facts, facts
from workflows.conditions import Answers, Group, Operator, by_model, operators, parse, read_event, ref


@pytest.fixture(autouse=True)
def travellers():
    with facts.temporarily(*TRAVELLER_FACTS), event_facts.temporarily(EVENT_TO, EVENT_PAST):
        yield


def leaf(fact, operator, *value, **parameters):
    stored = {"fact": fact, "operator": operator}
    if value:
        stored["value"] = value[0]
    return stored | ({"parameters": parameters} if parameters else {})


def refused(data, **options):
    """(path, code, message) of every mistake."""
    with pytest.raises(ValidationError) as caught:
        parse(data, **options)
    return [(each.params["path"], each.code, each.messages[0]) for each in caught.value.error_list]


def complaint(*args, **parameters):
    return refused({"all": [leaf(*args, **parameters)]})[0]


# ── Always ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("data", [{}, {"all": []}])
def test_the_empty_rule_holds_always(data):
    tree = parse(data)
    assert tree == Group()
    assert tree.dump() == {"all": []}
    verdict = tree.evaluate({}, AT)
    assert (verdict.holds, verdict.trace) == (True, {"saw": {}, "held": ""})


# ── Traces ──────────────────────────────────────────────────────────────────────────────────────────────
def test_the_trace_shows_every_condition_with_actual_and_needed():
    tree = parse(
        {
            "all": [
                leaf("traveller.age", "at_least", 65),
                {
                    "any": [
                        leaf("traveller.name", "contains", "a"),
                        leaf("traveller.active", "is_true", last_days=30),
                    ]
                },
                {"none": [leaf("traveller.weight", "between", [0.5, 20])]},
            ]
        }
    )
    values = {ref("traveller.age"): 61, ref("traveller.active", {"last_days": 30}): True}
    verdict = tree.evaluate(values | {ref("traveller.weight"): Decimal("7.25")}, AT)
    assert verdict.holds is False
    assert verdict.trace == {
        "saw": {
            "traveller.age": 61,
            "traveller.name": None,
            "traveller.active(last_days=30)": True,
            "traveller.weight": 7.25,
        },
        "held": "0011",
    }


def test_what_trees_have_in_common_is_answered_and_judged_once():
    asked = []
    seventh = Operator(
        name="seventh_in_test", words="is the seventh", says="", kinds=frozenset({ValueKind.NUMBER}), takes="none",
        function=lambda actual, needed: asked.append(actual) or actual == 7, lookup="exact",
    )  # fmt: skip
    with operators.temporarily(seventh):
        first = parse(
            {"all": [leaf("traveller.age", "seventh_in_test"), leaf("traveller.name", "has_value")]}
        )
        second = parse(
            {
                "none": [
                    leaf("traveller.age", "seventh_in_test"),
                    leaf("traveller.age", "at_least", 8),
                    leaf("traveller.age", "at_least", 7),
                ]
            }
        )
    answers = Answers({ref("traveller.age"): 7, ref("traveller.name"): "Ann"}, AT)
    verdicts = [tree.weigh(answers) for tree in (first, second)]
    assert asked == [7]
    assert [verdict.holds for verdict in verdicts] == [True, False]
    assert [verdict.brief for verdict in verdicts] == [{"held": "11"}, {"held": "101"}]
    assert verdicts[0].saw is verdicts[1].saw
    assert verdicts[1].trace == {"saw": {"traveller.age": 7}, "held": "101"}


def test_what_a_payload_holds_is_read_as_what_each_condition_compares_it_with():
    payload = ref("event.payload.size")
    tree = parse({"all": [leaf(payload.name, "equals", "12"), leaf(payload.name, "equals", 12)]})
    assert tree.evaluate({payload: "12"}, AT).trace == {
        "saw": {"event.payload.size equals '12'": "12", "event.payload.size equals 12": 12},
        "held": "11",
    }


def test_a_trace_holds_what_json_can_hold():
    tree = parse({"all": [leaf("traveller.age", "has_value"), leaf("traveller.name", "has_value")]})
    verdict = tree.evaluate({ref("traveller.age"): 10**30, ref("traveller.name"): "x" * 300}, AT)
    assert list(verdict.saw.values()) == [str(10**30), "x" * 200 + "…"]


def test_a_value_of_the_wrong_kind_is_no_value():
    tree = parse({"all": [leaf("traveller.age", "at_least", 1)]})
    for odd in ("many", float("nan")):
        verdict = tree.evaluate({ref("traveller.age"): odd}, AT)
        assert verdict.trace == {"saw": {"traveller.age": None}, "held": "0"}


def test_within_days_counts_from_the_moment_of_asking():
    tree = parse({"all": [leaf("traveller.seen", "within_last_days", 7)]})
    values = {ref("traveller.seen"): AT - timedelta(days=7)}
    assert tree.evaluate(values, AT).holds is True
    assert tree.evaluate(values, AT + timedelta(seconds=1)).holds is False


# ── Questions ───────────────────────────────────────────────────────────────────────────────────────────
def test_fact_refs_are_canonical_and_listed_once():
    tree = parse(
        {
            "any": [
                leaf("traveller.active", "is_true"),
                {
                    "all": [
                        leaf("traveller.active", "is_false", last_days=90),
                        leaf("traveller.types", "has_value"),
                    ]
                },
                leaf("event.payload.order.id", "equals", "A1"),
            ]
        }
    )
    active, types = ref("traveller.active"), ref("traveller.types")
    assert active == ("traveller.active", (("last_days", 90),))
    assert tree.fact_refs() == (active, types, ("event.payload.order.id", ()))
    assert by_model(tree.fact_refs()) == {"sessions.Session": [active], "contenttypes.ContentType": [types]}


def test_facts_of_the_event_its_payload_and_earlier_steps():
    tree = parse(
        {
            "all": [
                leaf("event.reached_in_test", "one_of", ["paid"]),
                leaf("event.total_in_test", "equals", 12, plus=2),
                leaf("event.payload.lines.1.price", "at_least", 9.5),
                leaf("event.payload.paid_on", "after", "2026-01-01"),
                leaf("event.payload.vip", "is_true"),
                leaf("event.payload.note", "has_no_value"),
                leaf("event.payload.tags", "includes", "x"),
                leaf("step.book-visit.result.id", "equals", "17"),
                leaf("step.other.result", "has_no_value"),
            ]
        }
    )
    payload = {
        "lines": [{}, {"price": "10.5"}],
        "paid_on": "2026-02-03",
        "vip": True,
        "note": {},
        "tags": ["x"],
    }
    values = read_event(
        tree.fact_refs(), {"to": "paid", "total": 10}, payload=payload, results={"book-visit": {"id": 17}}
    )
    verdict = tree.evaluate(values, AT)
    assert list(verdict.saw.values()) == ["paid", 12, 10.5, "2026-02-03", True, None, ["x"], "17", None]
    assert verdict.held == "111111111"


# ── Refusals ────────────────────────────────────────────────────────────────────────────────────────────
def test_every_mistake_is_reported_with_its_place():
    data = {
        "all": [
            {
                "any": [
                    leaf("traveller.age", "at_least", 1),
                    {"none": []},
                    leaf("traveller.agee", "at_least", 65),
                ]
            },
            leaf("traveller.age", "atleast", 65),
            leaf("traveller.age", "at_least", "65"),
        ]
    }
    assert refused(data) == [
        ("all.0.any.1.none", "empty", "This group is empty: add a condition or remove it."),
        (
            "all.0.any.2",
            "unknown_fact",
            "There is no fact called “traveller.agee”."
            " Did you mean traveller.age, traveller.tags, traveller.seen?",
        ),
        (
            "all.1",
            "unknown_operator",
            "There is no operator called “atleast”. Did you mean at_least, at_most, less_than?",
        ),
        ("all.2", "not_a_number", "This needs a number."),
    ]


@pytest.mark.parametrize(
    "data", [None, [], "x", {"alle": []}, leaf("traveller.age", "has_value"), {"all": [], "any": []}]
)
def test_a_rule_is_one_group(data):
    message = "A rule is one group: “all”, “any” or “none” of its conditions."
    assert refused(data) == [("", "root", message)]


@pytest.mark.parametrize("member", [None, 3, "x", [], {}, {"fact": 3}, {"fact": "traveller.age"}])
def test_a_condition_needs_fact_and_operator(member):
    message = "A condition needs a fact and an operator."
    assert refused({"all": [member]}) == [("all.0", "shape", message)]


def test_an_empty_group_is_no_condition_except_at_the_root():
    assert refused({"any": []}) == [("any", "empty", "This group is empty: add a condition or remove it.")]
    assert refused({"all": {"any": []}}) == [("all", "not_a_list", "A group needs a list of conditions.")]


def test_an_unknown_part_of_a_condition():
    stray = leaf("traveller.age", "at_least", 65) | {"parameter": {}}
    assert refused({"all": [stray]})[0][1:] == (
        "unknown_key",
        "A condition has no part called “parameter”. Did you mean parameters?",
    )


def test_six_levels_nest_and_seven_do_not():
    rule = leaf("traveller.age", "has_value")
    for _level in range(6):
        rule = {"all": [rule]}
    assert len(list(parse(rule).leaves())) == 1
    assert refused({"any": [rule]}) == [
        ("any.0.all.0.all.0.all.0.all.0.all.0.all", "too_deep", "Groups nest at most 6 deep.")
    ]


def test_fifty_conditions_fit():
    one = leaf("traveller.age", "has_value")
    assert len(list(parse({"all": [one] * 50}).leaves())) == 50
    assert refused({"all": [one] * 51}) == [("", "too_many", "A rule may have at most 50 conditions.")]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("traveller.vip", "is_true", True), "needless", "“is true” takes no value."),
        (("traveller.age", "equals", True), "not_a_number", "This needs a number."),
        (("traveller.age", "equals", float("nan")), "not_a_number", "This needs a number."),
        (("traveller.age", "equals", 10**16), "too_large", "A number may be at most 1000000000000000."),
        (("traveller.age", "equals"), "not_a_number", "This needs a number."),
        (("traveller.age", "divisible_by", 0), "not_whole", "This needs a whole number from 1 to 1000000."),
        (("traveller.age", "between", [3, 1]), "range", "This needs two values, the lower one first."),
        (("traveller.age", "between", [3]), "range", "This needs two values, the lower one first."),
        (("traveller.age", "one_of", 3), "not_a_list", "“is one of” needs a list of values."),
        (("traveller.age", "one_of", []), "length", "This needs 1 to 100 values."),
        (("traveller.name", "equals", 3), "not_text", "This needs a text."),
        (
            ("traveller.name", "equals", ""),
            "empty_text",
            "This text is empty. Ask whether there is a value instead.",
        ),
        (
            ("traveller.name", "equals", "a\0"),
            "unwritable",
            "This text holds a character that cannot be stored.",
        ),
        (
            ("traveller.name", "equals", "a\ud800"),
            "unwritable",
            "This text holds a character that cannot be stored.",
        ),
        (("traveller.name", "equals", "a" * 501), "too_long", "A text may be 500 characters long."),
        (("traveller.born", "before", "2026-02-30"), "not_a_date", "This needs a date such as 2026-01-31."),
        (("traveller.born", "before", "9999-12-31"), "not_a_date", "This needs a date such as 2026-01-31."),
        (
            ("traveller.seen", "before", "2026-02-03T10:00"),
            "no_offset",
            "This time needs its offset from UTC, as in 2026-01-31T09:00:00+00:00.",
        ),
        (
            ("traveller.seen", "within_last_days", 1.5),
            "not_whole",
            "This needs a whole number from 0 to 36500.",
        ),
        (
            ("traveller.vip", "at_least", 3),
            "operator_kind",
            "“is at least” cannot be asked of “the VIP mark”. Possible: is true, is false, has a value, has no value.",
        ),
        (
            ("traveller.plan", "equals", "golden"),
            "unknown_choice",
            "This fact is never “golden”. Did you mean gold?",
        ),
        (("traveller.plan", "one_of", ["gold", "x"]), "unknown_choice", "This fact is never “x”."),
        (("event.payload.a", "at_least", "3"), "not_a_number", "This needs a number."),
    ],
)
def test_values_that_do_not_fit_are_refused(args, code, message):
    assert complaint(*args) == ("all.0", code, message)


@pytest.mark.parametrize("number", [0, 366, 1.5, "30", True, None])
def test_a_parameter_out_of_bounds(number):
    assert complaint("traveller.active", "is_true", last_days=number) == (
        "all.0",
        "parameter",
        "days must be a whole number from 1 to 365.",
    )


def test_an_unknown_parameter():
    assert complaint("traveller.active", "is_true", lastdays=3) == (
        "all.0",
        "unknown_parameter",
        "This fact has no parameter called “lastdays”. Did you mean last_days?",
    )


def test_a_stored_rule_forgives_a_choice_that_is_gone():
    tree = parse({"all": [leaf("traveller.plan", "equals", "bronze")]}, stored=True)
    assert tree.evaluate({ref("traveller.plan"): "gold"}, AT).holds is False


def test_dump_writes_defaults_down_so_that_they_may_change_later():
    tree = parse(
        {
            "all": [
                leaf("traveller.active", "is_true"),
                leaf("traveller.seen", "before", "2026-03-10T01:00+01:00"),
            ]
        }
    )
    assert tree.dump() == {
        "all": [
            {"fact": "traveller.active", "operator": "is_true", "parameters": {"last_days": 90}},
            {"fact": "traveller.seen", "operator": "before", "value": "2026-03-10T00:00:00+00:00"},
        ]
    }
