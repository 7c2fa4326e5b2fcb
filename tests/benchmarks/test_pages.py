"""Which pages are looked at: all that need no argument, and none that is no page about records."""

from __future__ import annotations

import pytest

from benchmarks.outcome import Outcome
from benchmarks.pages import Page, _paths, _report, _walk


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


@pytest.mark.parametrize(
    ("before", "same"), [({"/admin/a/": 4, "/admin/b/": 5}, True), ({"/admin/a/": 4}, False)]
)
def test_a_page_that_asks_more_often_when_there_is_more_is_told_of(
    before: dict[str, int], same: bool
) -> None:
    outcome = Outcome()
    pages = [Page("/admin/a/", 4, [10.0, 20.0]), Page("/admin/b/", 5, [90.0, 130.0])]
    _report(outcome, "admin lists", pages, before)
    speed, queries = outcome.lines
    assert (speed.promise, speed.measured, speed.met) == (
        "admin lists: p95 of the slowest of 2",
        "128 ms",
        False,
    )
    assert (queries.measured, queries.met) == ("2 of 2" if same else "1 of 2", same)
    assert outcome.notes == ([] if same else ["/admin/b/: 5 queries, unknown in a small clinic"])
