"""The pictures of markers: where a value lies, how wide its range is, and what is drawn of many values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.models import Result
from labs.portal.drawing import BOTTOM, TOP, Reading, bar, plain, trend

START = datetime(2026, 1, 10, tzinfo=UTC)


def result(number, low=None, high=None) -> Result:
    ends = {
        "min_range": None if low is None else Decimal(low),
        "max_range": None if high is None else Decimal(high),
    }
    return Result(number=None if number is None else Decimal(number), value=str(number), **ends)


def at(percent: str) -> float:
    assert percent.endswith("%")
    return float(percent[:-1])


def test_a_value_in_the_middle_of_its_range_lies_in_the_middle_of_the_band():
    drawn = bar(result("5", "4", "6"))
    assert at(drawn.value_x) == pytest.approx(at(drawn.band_x) + at(drawn.band_width) / 2)
    assert [bound.label for bound in drawn.bounds] == ["4", "6"]


@pytest.mark.parametrize(("number", "side"), [("7", 1), ("3", -1), ("412", 1), ("-50", -1)])
def test_a_value_outside_lies_outside_and_still_on_the_line(number, side):
    drawn = bar(result(number, "4", "6"))
    left, right = at(drawn.band_x), at(drawn.band_x) + at(drawn.band_width)
    assert (at(drawn.value_x) > right) if side > 0 else (at(drawn.value_x) < left)
    assert 4 <= at(drawn.value_x) <= 96


def test_an_open_range_reaches_the_edge():
    upward, downward = bar(result("50", "40", None)), bar(result("50", None, "99"))
    assert at(upward.band_x) + at(upward.band_width) == pytest.approx(100)
    assert (at(downward.band_x), [bound.label for bound in downward.bounds]) == (0, ["99"])


def test_ends_too_near_to_each_other_are_told_in_words_alone():
    assert bar(result("412", "70", "99")).bounds == ()


@pytest.mark.parametrize("case", [result(None, "4", "6"), result("5"), result("12", "10", "5")])
def test_without_a_number_or_a_range_there_is_no_bar(case):
    assert bar(case) is None


def test_a_range_the_wrong_way_round_is_no_band_under_a_trend():
    readings = [Reading(result(number, "10", "5"), START) for number in ("12", "3")]
    drawn = trend(readings, readings[0].result)
    assert (drawn.band_y, drawn.band_height) == ("0.0", "0.0")


numbers = st.decimals(min_value=-10_000, max_value=10_000, places=3)


@given(numbers, st.none() | numbers, st.none() | numbers)
def test_whatever_the_numbers_everything_stays_on_the_line(number, one, other):
    low, high = (one, other) if one is None or other is None else sorted((one, other))
    drawn = bar(result(number, low, high))
    if low is None and high is None:
        assert drawn is None
        return
    assert 0 <= at(drawn.band_x) <= 100
    assert 0 <= at(drawn.band_width) <= 100.01
    assert 0 < at(drawn.value_x) < 100
    inside = (low is None or number >= low) and (high is None or number <= high)
    left, right = at(drawn.band_x), at(drawn.band_x) + at(drawn.band_width)
    if inside:
        assert left - 0.02 <= at(drawn.value_x) <= right + 0.02


@given(st.lists(st.tuples(numbers, st.integers(0, 4000)), min_size=2, max_size=24), st.none() | numbers)
def test_whatever_the_history_every_point_is_in_sight(history, high):
    days = sorted(day for _number, day in history)
    readings = [
        Reading(result(number), START + timedelta(days=day))
        for (number, _day), day in zip(history, days, strict=True)
    ]
    drawn = trend(readings, result(history[-1][0], None, high))
    across = [at(point.x) for point in drawn.points]
    assert across == sorted(across)
    assert all(11 <= x <= 89 for x in across)
    assert all(TOP - 1 <= float(point.y) <= BOTTOM + 1 for point in drawn.points)
    dated = [at(point.x) for point in drawn.points if point.date]
    assert dated
    assert drawn.points[-1].date
    assert float(drawn.band_height) >= 0


def test_a_higher_value_lies_higher_and_a_later_one_further_right():
    readings = [
        Reading(result(number), START + timedelta(days=day))
        for number, day in (("5", 0), ("7", 10), ("6", 100))
    ]
    first, second, third = trend(readings, readings[-1].result).points
    assert float(second.y) < float(third.y) < float(first.y)
    assert at(second.x) - at(first.x) == pytest.approx((at(third.x) - at(first.x)) / 10, abs=0.01)


def test_many_points_leave_their_values_to_the_table():
    readings = [Reading(result(str(number)), START + timedelta(days=number)) for number in range(7)]
    assert trend(readings[:6], readings[0].result).shows_values
    assert not trend(readings, readings[0].result).shows_values


@pytest.mark.parametrize(
    ("number", "written"),
    [("5.600000", "5.6"), ("100.000000", "100"), ("0.000000", "0"), ("0.004000", "0.004")],
)
def test_numbers_are_written_as_short_as_they_can_be(number, written):
    assert plain(Decimal(number)) == written
