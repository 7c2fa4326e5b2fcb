"""The values of facts: one statement for any number of records, moments and facts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Exists, F, OuterRef, TextField, Value
from django.db.models.functions import Cast, Now

from tests.workflows.travellers import AT, MODEL, TRAVELLER_FACTS, fact, store
from workflows.catalogue import ValueKind, facts
from workflows.conditions import ref, values_at, values_for

DAY = timedelta(days=1)
ACTIVE_10 = {"last_days": 10}


@pytest.fixture(autouse=True)
def travellers():
    with facts.temporarily(*TRAVELLER_FACTS):
        yield


@pytest.mark.django_db
def test_each_pair_is_answered_at_its_own_moment_by_one_statement(django_assert_num_queries):
    store({"age": 70}, {"age": 30}, seen=AT - 5 * DAY)
    age, moment, active = ref("traveller.age"), ref("traveller.asked_at"), ref("traveller.active", ACTIVE_10)
    pairs = [("1", AT), ("0", AT + 6 * DAY), ("gone", AT), ("0", AT), ("0", AT - 6 * DAY), ("1", AT)]
    with django_assert_num_queries(1):
        values = values_at(MODEL, pairs, [age, moment, active, age])
    assert values == [
        {age: 30, moment: AT, active: True},
        {age: 70, moment: AT + 6 * DAY, active: False},
        {age: None, moment: None, active: None},
        {age: 70, moment: AT, active: True},
        {age: 70, moment: AT - 6 * DAY, active: False},
        {age: 30, moment: AT, active: True},
    ]


@pytest.mark.django_db
def test_the_moment_is_seen_by_a_subquery_of_a_subquery():
    store({}, {}, seen=AT)
    deep = fact(
        "deep",
        "a question two levels down",
        ValueKind.BOOLEAN,
        lambda: Exists(
            Session.objects.filter(
                Exists(Session.objects.filter(pk=OuterRef("pk"), expire_date__lte=OuterRef(OuterRef("at")))),
                pk=OuterRef("pk"),
            )
        ),
    )
    with facts.temporarily(deep):
        pairs = [("0", AT - DAY), ("1", AT), ("0", AT + DAY)]
        values = values_at(MODEL, pairs, [ref("traveller.deep")])
    assert [list(value.values()) for value in values] == [
        [False],
        [True],
        [True],
    ]


@pytest.mark.django_db
def test_values_come_in_the_form_of_their_kind():
    store(
        {
            "age": 70, "weight": 7.25, "name": "", "plan": "gold", "vip": False, "born": "1956-03-10",
            "seen": "2026-03-09T13:00:00+01:00", "tags": ["a", None, "b"],
        }
    )  # fmt: skip
    names = ("age", "weight", "name", "plan", "vip", "born", "seen", "tags")
    refs = [ref(f"traveller.{name}") for name in names]
    values = values_for(MODEL, ["0"], refs, AT)["0"]
    assert [values[each] for each in refs][:6] == [
        70,
        pytest.approx(7.25),
        None,
        "gold",
        False,
        date(1956, 3, 10),
    ]
    assert type(values[refs[0]]) is int
    assert values[refs[6]] == datetime(2026, 3, 9, 12, tzinfo=UTC)
    assert values[refs[7]] == ["a", "b"]


@pytest.mark.django_db
def test_one_moment_for_all_may_be_an_expression(django_assert_num_queries):
    store({"age": 70}, {})
    age, active = ref("traveller.age"), ref("traveller.active", {"last_days": 10})
    with django_assert_num_queries(1):
        values = values_for(MODEL, ["0", "gone", "1", "0"], [age, active], Now())
    assert values == {
        "0": {age: 70, active: False},
        "gone": {age: None, active: None},
        "1": {age: None, active: False},
    }


@pytest.mark.django_db
def test_integer_keys_and_any_kind_of_field_as_text():
    app = fact("app", "the app", ValueKind.TEXT, lambda: F("app_label"), model="contenttypes.ContentType")
    number = fact("number", "the number", ValueKind.TEXT, lambda: F("id"), model="contenttypes.ContentType")
    session = ContentType.objects.get_for_model(Session)
    with facts.temporarily(app, number):
        values = values_at(
            "contenttypes.ContentType", [(session.pk, AT)], [ref("traveller.app"), ref("traveller.number")]
        )
    assert [list(each.values()) for each in values] == [["sessions", str(session.pk)]]


@pytest.mark.django_db
def test_nothing_asked_is_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert values_at(MODEL, [], [ref("traveller.age")]) == []
        assert values_at(MODEL, [("0", AT)], []) == [{}]
        assert values_for(MODEL, ["0"], [], AT) == {"0": {}}
        assert values_for(MODEL, [], [ref("traveller.age")], AT) == {}


def test_a_fact_of_another_model_is_a_programming_error():
    with pytest.raises(
        ValueError, match=r"^traveller.types is a fact of contenttypes.ContentType, not of sessions"
    ):
        values_at(MODEL, [("0", AT)], [ref("traveller.types")])


@pytest.mark.django_db
def test_a_redefined_fact_is_compiled_anew():
    store({})
    for answer in ("first", "second"):
        again = fact("again", "again", ValueKind.TEXT, lambda answer=answer: Cast(Value(answer), TextField()))
        with facts.temporarily(again):
            assert list(values_at(MODEL, [("0", AT)], [ref("traveller.again")])[0].values()) == [answer]


@pytest.mark.django_db
def test_a_fact_that_joins_rows_is_refused():
    from django.contrib.auth.models import Permission

    session = ContentType.objects.get_for_model(Session)
    assert Permission.objects.filter(content_type=session).count() > 1
    joined = fact(
        "joined", "x", ValueKind.TEXT, lambda: F("permission__codename"), model="contenttypes.ContentType"
    )
    with facts.temporarily(joined), pytest.raises(ImproperlyConfigured) as caught:
        values_at("contenttypes.ContentType", [(session.pk, AT)], [ref("traveller.joined")])
    assert str(caught.value) == (
        "A fact of contenttypes.ContentType joins rows: write history as Exists or a subquery."
    )
