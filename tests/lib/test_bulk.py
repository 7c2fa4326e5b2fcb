"""Many rows in one statement: the same rows as one by one, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, IntegrityError, connection, transaction

from careops.lib import clock
from careops.lib.bulk import insert_if_new, insert_many, number, read_many, update_many
from careops.lib.ids import uuid7
from workflows.models import Delivery, Endpoint, EventRecord, NonMatch, QueueState

pytestmark = pytest.mark.django_db


def event(**fields: object) -> EventRecord:
    return EventRecord(
        name="patient.onboarded",
        subject_type="patients.Patient",
        subject_id=uuid7(),
        actor_kind="system",
        **fields,
    )


def delivery(key: str, **fields: object) -> Delivery:
    return Delivery(channel="webhook", key=key, subject_type="patients.Patient", subject_id=uuid7(), **fields)


def test_rows_come_back_as_they_were(django_assert_num_queries):
    rows = [
        event(data={"to": 'a "quoted"\ttab\\ and\nline', "n": [1, None]}),
        event(patient_id=uuid7(), depth=3),
    ]
    with django_assert_num_queries(1):  # the ids; COPY is no query to Django
        insert_many(rows)
    assert [row.pk is not None for row in rows] == [True, True]
    first, second = EventRecord.objects.order_by("id")
    assert (first.pk, second.pk) == (rows[0].pk, rows[1].pk)
    assert (first.uid, first.data) == (rows[0].uid, {"to": 'a "quoted"\ttab\\ and\nline', "n": [1, None]})
    assert (second.patient_id, second.depth) == (rows[1].patient_id, 3)
    assert abs(first.occurred_at - clock.now()) < timedelta(minutes=1)  # the database's own default


def test_what_converts_itself_is_converted():
    insert_many([Endpoint(name="Out", url="https://out.example/", header_value="open sesame")])
    endpoint = Endpoint.objects.get()
    assert endpoint.header_value.reveal() == "open sesame"
    with connection.cursor() as cursor:
        cursor.execute("SELECT header_value FROM workflows_endpoint")
        assert "sesame" not in cursor.fetchone()[0]
    (row,) = rows = [event()]
    insert_many(rows)
    ids = [uuid7(), uuid7()]
    insert_many([NonMatch(event=row, automations=ids, verdicts=[{"automation": str(ids[0])}])])
    assert NonMatch.objects.get().automations == ids
    insert_many([delivery("one", endpoint=endpoint, event=row, body={"a": 1})])
    assert Delivery.objects.get().body == {"a": 1}
    assert Delivery.objects.get().state == "due"


def test_one_bad_row_leaves_nothing_behind():
    insert_many([delivery("one")])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_many([delivery("two"), delivery("one")])
    assert list(Delivery.objects.values_list("key", flat=True)) == ["one"]


def test_a_default_is_taken_for_all_or_for_none():
    with pytest.raises(ImproperlyConfigured):
        insert_many([delivery("one"), delivery("two", due_at=clock.now())])
    assert not Delivery.objects.exists()


def test_only_the_named_fields_of_the_given_rows_change(django_assert_num_queries):
    insert_many([delivery("one"), delivery("two"), delivery("three")])
    one, two, three = Delivery.objects.order_by("key").filter(key__in=["one", "two", "three"])
    for row, state in ((one, QueueState.DONE), (two, QueueState.FAILED)):
        row.state, row.log, row.error, row.finished_at = (
            state,
            [{"at": state.value}],
            "not written",
            clock.now(),
        )
    with django_assert_num_queries(1):
        update_many([one, two], ("state", "log", "finished_at"))
    found = {row.pk: row for row in Delivery.objects.all()}
    assert (found[one.pk].state, found[one.pk].log, found[one.pk].error) == ("done", [{"at": "done"}], "")
    assert (found[two.pk].state, found[two.pk].finished_at) == ("failed", two.finished_at)
    assert (found[three.pk].state, found[three.pk].log) == ("due", [])


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        insert_many([])
        update_many([], ("state",))


def test_a_row_is_inserted_once_for_its_key_and_only_then_something_follows(django_assert_num_queries):
    followed = "(SELECT setval('careops_test_followed', nextval('careops_test_followed')))"
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY SEQUENCE careops_test_followed")
    with django_assert_num_queries(2):  # the id, and the row
        assert insert_if_new(delivery("one", body={"a": 1}), ["key"], then=followed) is True
    assert insert_if_new(delivery("one", body={"a": 2}), ["key"], then=followed) is False
    assert insert_if_new(delivery("two", body={"a": 3}), ["key"], then="NULL") is True
    assert list(Delivery.objects.order_by("key").values_list("key", "body", "state")) == [
        ("one", {"a": 1}, "due"),
        ("two", {"a": 3}, "due"),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value, is_called FROM careops_test_followed")
        assert cursor.fetchone() == (1, True)


def test_a_new_row_that_breaks_another_rule_is_an_error():
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_if_new(delivery("one", result=None), ["key"])
    assert not Delivery.objects.exists()


def test_rows_are_read_as_a_queryset_reads_them(django_assert_num_queries):
    insert_many(
        [Endpoint(name=f"Out {n}", url="https://out.example/", header_value=f"secret {n}") for n in (1, 2, 3)]
    )
    with django_assert_num_queries(1):
        found = read_many(Endpoint, "name = ANY(%s) ORDER BY name DESC", [["Out 1", "Out 3"]])
    expected = list(Endpoint.objects.filter(name__in=["Out 1", "Out 3"]).order_by("-name"))
    assert found == expected
    plain = [field.attname for field in Endpoint._meta.concrete_fields if field.name != "header_value"]
    for one, other in zip(found, expected, strict=True):
        assert [getattr(one, name) for name in plain] == [getattr(other, name) for name in plain]
        assert one.header_value.reveal() == other.header_value.reveal()
        assert one.changed_fields() == frozenset()


def test_rows_of_two_models_are_numbered_in_one_journey(django_assert_num_queries):
    events, deliveries = [event(), event()], [delivery("one"), delivery("two"), delivery("three")]
    deliveries[0].pk = -7  # no sequence comes by there
    with django_assert_num_queries(1):
        number(events, deliveries, [Endpoint(name="Numbered by itself")])
    assert deliveries[0].pk == -7
    assert events[0].pk < events[1].pk
    assert deliveries[1].pk < deliveries[2].pk
    with django_assert_num_queries(0):
        number(events, deliveries)
    insert_many(events)
    insert_many(deliveries)
    assert set(EventRecord.objects.values_list("pk", flat=True)) == {row.pk for row in events}


def test_what_is_the_same_for_all_rows_and_what_is_not_are_both_written():
    insert_many([delivery(key) for key in ("one", "two", "three")])
    rows = list(Delivery.objects.order_by("key"))
    for place, row in enumerate(rows):
        row.state, row.status, row.body, row.lease_until = QueueState.DONE, 200, {"place": place}, None
        row.error = "" if place else "late"
        row.result = {"same": True}
    update_many(rows[:2], ["state", "status", "body", "lease_until", "error", "result"])
    assert list(
        Delivery.objects.order_by("key").values_list("key", "state", "status", "body", "error", "result")
    ) == [
        ("one", "done", 200, {"place": 0}, "late", {"same": True}),
        ("three", "done", 200, {"place": 1}, "", {"same": True}),
        ("two", "due", None, {}, "", {}),
    ]


@pytest.mark.parametrize("many", [1, 2])
def test_what_is_too_long_for_its_column_is_refused_and_not_cut_off(many):
    insert_many([delivery("one"), delivery("two")])
    rows = list(Delivery.objects.order_by("key"))[:many]
    for place, row in enumerate(rows):
        row.error_code = f"{place}" * 61
    with pytest.raises(DataError), transaction.atomic():
        update_many(rows, ["error_code"])
    assert set(Delivery.objects.values_list("error_code", flat=True)) == {""}
