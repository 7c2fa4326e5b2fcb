"""Which pages are looked at: all that need no argument, and none that is no page about records."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.http import HttpResponse, JsonResponse

from benchmarks.outcome import Outcome
from benchmarks.pages import Page, _onward, _paths, _report, _walk


def test_addresses_without_arguments_are_found() -> None:
    walked = list(_walk())
    assert {"/", "/admin/", "/admin/patients/patient/", "/admin/orders/order/", "/healthz"} <= set(walked)
    assert len(walked) == len(set(walked))
    assert not [path for path in walked if "<" in path or "(" in path]


def test_lists_are_looked_at_and_searched() -> None:
    paths = list(_paths())
    assert "/admin/patients/patient/?q=Smith" in paths
    assert "/admin/patients/patient/" in paths
    assert not [path for path in paths if path.endswith("/add/") or "/login" in path]


def test_of_what_a_page_leads_to_each_kind_is_looked_at_once() -> None:
    one, other = (f"/admin/orders/order/{uuid4()}/change/" for _order in range(2))
    onward = ("/admin/orders/order/add/", "/accounts/logout/", "https://elsewhere.example/")
    links = (f"{one}?_changelist_filters=x", other, *onward)
    page = HttpResponse("".join(f'<a href="{link}">' for link in links))
    met = {"/admin/"}
    assert list(_onward("/admin/", page, met)) == [one]
    assert met == {"/admin/", "/admin/orders/order/<path:object_id>/change/"}
    assert list(_onward("/admin/", page, met)) == []


def test_the_first_record_of_an_answer_is_looked_at() -> None:
    answer = JsonResponse({"results": [{"id": str(pk)} for pk in (uuid4(), uuid4())]})
    first = json.loads(answer.content)["results"][0]["id"]
    answer.json = lambda: json.loads(answer.content)
    assert list(_onward("/api/v1/tasks/", answer, set())) == [f"/api/v1/tasks/{first}/"]


@pytest.mark.parametrize(
    ("before", "same", "met", "notes"),
    [
        ({"/admin/a/": 4, "/admin/b/": 5}, "2 of 2", True, []),
        ({"/admin/a/": 4, "/admin/b/": 3}, "1 of 2", False, ["/admin/b/: 5 queries, 3 in a small clinic"]),
        ({"/admin/a/": 4}, "1 of 1", True, ["not met in the small clinic: /admin/b/"]),
    ],
)
def test_a_page_that_asks_more_often_when_there_is_more_is_told_of(
    before: dict[str, int], same: str, met: bool, notes: list[str]
) -> None:
    outcome = Outcome()
    pages = [Page("/admin/a/", 4, [10.0, 20.0]), Page("/admin/b/", 5, [90.0, 130.0])]
    _report(outcome, "admin pages", pages, before)
    speed, queries = outcome.lines
    assert (speed.promise, speed.measured, speed.met) == (
        "admin pages: p95 of the slowest of 2",
        "128 ms",
        False,
    )
    assert (queries.measured, queries.met) == (same, met)
    assert outcome.notes == notes
