"""Lists: in pages that neither skip nor repeat, narrowed by what is declared, and refused for anything else."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from careops.lib import clock
from careops.lib.fields import keyring
from careops.surfaces.api.pagination import LONGEST_CURSOR
from patients.models import Task
from tests.api.support import Caller
from tests.factories.patients import (
    VISIT,
    AppointmentFactory,
    PatientFactory,
    PractitionerFactory,
    TaskFactory,
)

pytestmark = pytest.mark.django_db

TASKS, VISITS = "/api/v1/tasks/", "/api/v1/appointments/"


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["title"] for row in answer.json()["results"]]


@pytest.fixture
def nine(db: None) -> list[Any]:
    patient = PatientFactory()
    return [TaskFactory(title=str(number), patient=patient) for number in range(9)]


def test_pages_go_through_all_of_it_forwards_and_back(partner: Caller, nine: Any) -> None:
    forwards, url = [], f"{TASKS}?limit=4"
    previous = []
    while url:
        answer = partner.get(url)
        forwards.append(titles(answer))
        url, back = answer.json()["next"], answer.json()["previous"]
        previous.append(back)
    assert forwards == [["8", "7", "6", "5"], ["4", "3", "2", "1"], ["0"]]
    assert previous[0] is None
    back = partner.get(previous[2])
    assert titles(back) == ["4", "3", "2", "1"]
    first = partner.get(back.json()["previous"])
    assert (titles(first), first.json()["previous"]) == (["8", "7", "6", "5"], None)
    assert titles(partner.get(first.json()["next"])) == ["4", "3", "2", "1"]


def test_what_comes_in_meanwhile_moves_nothing(partner: Caller, nine: Any) -> None:
    first = partner.get(f"{TASKS}?limit=4")
    TaskFactory(title="new")
    assert titles(partner.get(first.json()["next"])) == ["4", "3", "2", "1"]


def test_rows_of_one_moment_are_told_apart_by_their_id(partner: Caller) -> None:
    patient = PatientFactory()
    visits = [AppointmentFactory(patient=patient, starts_at=VISIT) for _number in range(5)]
    seen, url = [], f"{VISITS}?limit=2"
    while url:
        answer = partner.get(url).json()
        seen += [row["id"] for row in answer["results"]]
        url = answer["next"]
    assert seen == sorted((str(visit.pk) for visit in visits), reverse=True)


def test_what_changed_since_comes_in_the_order_of_change(partner: Caller, nine: Any) -> None:
    since = clock.now()
    for number in (5, 2, 7):
        partner.patch(f"{TASKS}{nine[number].pk}/", {"priority": "high"})
    answer = partner.get(TASKS, {"updated_since": since.isoformat(), "limit": "2"})
    assert titles(answer) == ["5", "2"]
    partner.patch(f"{TASKS}{nine[0].pk}/", {"priority": "low"})
    assert titles(partner.get(answer.json()["next"])) == ["7", "0"]


def cursor_of(answer: Any) -> str:
    (cursor,) = parse_qs(urlsplit(answer.json()["next"]).query)["cursor"]
    return cursor


def test_a_cursor_is_of_one_list(partner: Caller, nine: Any) -> None:
    cursor = cursor_of(partner.get(f"{TASKS}?limit=4"))
    for url in (
        f"{VISITS}?cursor={cursor}",
        f"/api/v1/messages/?cursor={cursor}",
        f"{TASKS}?updated_since=2026-01-01T00:00:00Z&cursor={cursor}",
    ):
        refused = partner.get(url)
        assert refused.json()["errors"] == [
            {"parameter": "cursor", "detail": "This cursor is not of this list."}
        ]


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "W10", "bnVsbA", "%FF", "e" * 5000, "W1siaWQiXSxmYWxzZSxbbnVsbF1d"]
)
def test_an_invented_cursor_is_refused(partner: Caller, cursor: str) -> None:
    assert partner.get(f"{TASKS}?cursor={cursor}").status_code == 400


def test_a_cursor_tells_nothing_and_takes_no_change(partner: Caller) -> None:
    """Addresses stand in logs, and the moment of a visit does not."""
    patient = PatientFactory()
    for _number in range(2):
        AppointmentFactory(patient=patient)
    cursor = cursor_of(partner.get(f"{VISITS}?limit=1"))
    assert len(cursor) <= LONGEST_CURSOR
    assert str(VISIT.year).encode() not in urlsafe_b64decode(cursor)
    assert partner.get(VISITS, {"cursor": cursor}).status_code == 200
    flipped = "B" if cursor[40] == "A" else "A"
    for changed in (cursor[:-4] + "AAA=", cursor[4:], cursor[:40] + flipped + cursor[41:]):
        assert partner.get(VISITS, {"cursor": changed}).status_code == 400


@pytest.mark.parametrize(
    "text", ["no json", "null", "7", '["patients.Task"]', '[["patients.Task"], false, []]']
)
def test_what_else_is_encrypted_is_no_cursor(partner: Caller, text: str) -> None:
    cursor = keyring().encrypt(text.encode()).decode()
    assert partner.get(TASKS, {"cursor": cursor}).status_code == 400


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1.5", "٣", "1" * 30])
def test_a_limit_is_from_1_to_200(partner: Caller, limit: str) -> None:
    refused = partner.get(TASKS, {"limit": limit})
    assert refused.json()["errors"] == [{"parameter": "limit", "detail": "A number from 1 to 200."}]


def test_a_page_has_fifty_rows_unless_asked(partner: Caller) -> None:
    patient = PatientFactory()
    Task.create_many([Task(title=str(number), patient=patient) for number in range(60)])
    assert len(titles(partner.get(TASKS))) == 50
    assert len(titles(partner.get(f"{TASKS}?limit=200"))) == 60


def test_unknown_parameters_are_named_with_what_was_probably_meant(partner: Caller) -> None:
    refused = partner.get(TASKS, {"stat": "open", "zzz": "1"})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"parameter": "stat", "detail": "There is no parameter called 'stat'. Did you mean state?"},
        {"parameter": "zzz", "detail": "There is no parameter called 'zzz'."},
    ]
    task = TaskFactory()
    assert partner.get(f"{TASKS}{task.pk}/?fields=title").status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [("state", "nope"), ("patient", "x"), ("updated_since", "yesterday"), ("updated_since", "2026-13-01"),
     ("due_before", "2026-01-01T00:00:00+99:00"), ("due_before", "0001-01-01T00:00:00+10:00"), ("state", "\x00")],
)  # fmt: skip
def test_a_filters_value_is_checked(partner: Caller, name: str, value: str) -> None:
    refused = partner.get(TASKS, {name: value})
    assert refused.status_code == 400
    assert {error["parameter"] for error in refused.json()["errors"]} == {name}


@pytest.mark.parametrize(
    ("value", "active"), [("true", [True]), ("1", [True]), ("false", [False]), ("0", [False])]
)
def test_yes_or_no_narrows(partner: Caller, value: str, active: list[bool]) -> None:
    PractitionerFactory(active=True)
    PractitionerFactory(active=False)
    found = partner.get("/api/v1/practitioners/", {"active": value}).json()["results"]
    assert [row["active"] for row in found] == active


@pytest.mark.parametrize("value", ["no", "FALSE", "2", "banana"])
def test_what_is_neither_yes_nor_no_is_refused(partner: Caller, value: str) -> None:
    refused = partner.get("/api/v1/practitioners/", {"active": value})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [{"parameter": "active", "detail": "Write true or false."}]


def test_filters_narrow_and_may_be_repeated(partner: Caller, ada: Any, ben: Any) -> None:
    TaskFactory(title="hers", patient=ada)
    TaskFactory(title="done", patient=ada, state="completed")
    TaskFactory(title="his", patient=ben)
    assert titles(partner.get(TASKS, {"patient": str(ada.pk)})) == ["done", "hers"]
    assert titles(partner.get(TASKS, {"patient": str(ada.pk), "state": "open"})) == ["hers"]
    assert titles(partner.get(f"{TASKS}?state=open&state=completed")) == ["his", "done", "hers"]


def test_what_takes_one_value_is_given_once(partner: Caller) -> None:
    for url in (f"{TASKS}?limit=1&limit=2", "/api/v1/events/?limit=1&limit=2"):
        refused = partner.get(url)
        assert refused.status_code == 400
        assert refused.json()["errors"] == [{"parameter": "limit", "detail": "This can be given once."}]
    twice = partner.get(TASKS, {"updated_since": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]})
    assert [error["parameter"] for error in twice.json()["errors"]] == ["updated_since"]


def test_visits_are_narrowed_by_day_and_come_latest_first(partner: Caller) -> None:
    days = [AppointmentFactory(starts_at=VISIT + timedelta(days=number)) for number in (2, 0, 1)]
    window = {"starts_from": VISIT.isoformat(), "starts_before": (VISIT + timedelta(days=2)).isoformat()}
    found = [row["id"] for row in partner.get(VISITS, window).json()["results"]]
    assert found == [str(days[2].pk), str(days[1].pk)]


def test_a_filter_of_states_does_not_sort_the_table(partner: Caller) -> None:
    partner.get(TASKS)
    with CaptureQueriesContext(connection) as asked:
        partner.get(f"{TASKS}?state=open&state=completed")
    assert not [query for query in asked.captured_queries if "DISTINCT" in query["sql"]]


def test_an_offset_that_exists_nowhere_is_a_moment_all_the_same(partner: Caller) -> None:
    assert partner.get(VISITS, {"starts_before": "2943-02-18T19:17:32-17:33"}).status_code == 200
