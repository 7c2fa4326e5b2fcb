"""results.md says what was promised, what was found and what was skipped, and names every benchmark there is."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import report
from benchmarks.catalogue import BENCHMARKS, Benchmark, named
from benchmarks.measuring import Spread
from benchmarks.outcome import Line, Outcome

MACHINE = {"processor": "2 × Something", "busy before": "load average 0.1", "CareOps": "abc1234"}


def entry(outcome: Outcome, which: int = 0, **machine: str) -> report.Entry:
    return report.Entry(BENCHMARKS[which], "2026-11-22T11:00+00:00", {**MACHINE, **machine}, outcome)


def found() -> Outcome:
    outcome = Outcome()
    outcome.at_most("perform() against the rest", 1.3, Spread(1.2, 1.1, 1.4), "×")
    outcome.at_least("events | tasks", 10, Spread(9.9, 8.0, 12.0), "×")
    outcome.figure("perform()", [1.5, 1.4, 1.6], "ms")
    outcome.notes.append("Nobody else was at work.")
    return outcome


def test_the_median_decides_whether_a_promise_is_met() -> None:
    assert [(line.target, line.measured, line.met) for line in found().lines] == [
        ("≤ 1.30 ×", "1.20 × [1.10–1.40]", True),
        ("≥ 10.0 ×", "9.90 × [8.00–12.0]", False),
    ]


def test_an_outcome_survives_being_written_down() -> None:
    assert Outcome.from_json(found().as_json()) == found()
    assert Outcome.from_json(Outcome(skipped="no Redis").as_json()).skipped == "no Redis"


def test_the_page_has_a_row_for_each_promise() -> None:
    page = report.page([entry(found())])
    assert "| perform() against the rest | ≤ 1.30 × | 1.20 × [1.10–1.40] | met |" in page
    assert "| events \\| tasks | ≥ 10.0 × | 9.90 × [8.00–12.0] | not met |" in page
    assert "| perform() | 1.50 ms [1.40–1.60] |" in page
    assert "* Nobody else was at work." in page
    assert f"`{BENCHMARKS[0].name}`, 2026-11-22T11:00+00:00, load average 0.1." in page


def test_what_was_skipped_is_said_with_its_reason() -> None:
    page = report.page([entry(Outcome(skipped="There is no redis-server here."))])
    title = BENCHMARKS[0].title
    assert f"| {title} |  | skipped: There is no redis-server here. | – |" in page


def test_machines_are_described_once_for_all_that_ran_there() -> None:
    same = report.machines([entry(found(), 0), entry(found(), 1, **{"busy before": "load average 5.0"})])
    assert same.count("| processor |") == 1
    assert same.startswith(f"{BENCHMARKS[0].name}, {BENCHMARKS[1].name}:")
    other = report.machines([entry(found(), 0), entry(found(), 1, processor="4 × Else")])
    assert other.count("| processor |") == 2


def test_a_table_is_markdown() -> None:
    assert report.table(("a", "b"), [("1", "x|y")]) == "| a | b |\n| --- | --- |\n| 1 | x\\|y |\n"


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_every_benchmark_says_how_it_measures(benchmark: Benchmark) -> None:
    assert len(report.method(benchmark.module)) > 80


def test_benchmarks_are_found_by_name() -> None:
    assert named([]) == list(BENCHMARKS)
    assert [each.name for each in named([BENCHMARKS[1].name])] == [BENCHMARKS[1].name]
    with pytest.raises(KeyError):
        named(["perfrom"])


def test_a_line_without_a_verdict_is_neither_met_nor_not() -> None:
    outcome: Any = Outcome(lines=[Line("n8n", "≥ 15 ×", "not measured", None)])
    assert "| n8n | ≥ 15 × | not measured | – |" in report.promises([entry(outcome)])
