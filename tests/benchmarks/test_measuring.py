"""Medians, ratios and percentiles by hand; the figures as people read them."""

from __future__ import annotations

import math

import pytest

from benchmarks.measuring import Spread, digits, percentile, ratios, rounds


def test_a_spread_is_the_median_between_the_extremes() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert Spread.of([4.0, 1.0, 2.0, 3.0]) == (2.5, 1.0, 4.0)
    with pytest.raises(ValueError, match="no median"):
        Spread.of([])


def test_it_is_written_with_three_digits() -> None:
    assert Spread.of([1.239, 1.191, 1.3]).text("×") == "1.24 × [1.19–1.30]"
    assert Spread.of([5.0]).text("ms") == "5.00 ms"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0"),
        (0.002134, "0.00213"),
        (0.9996, "1.00"),
        (1.5, "1.50"),
        (12.34, "12.3"),
        (123.4, "123"),
        (12_923.4, "12\u202f900"),
        (-1.5, "-1.50"),
        (math.inf, "–"),
    ],
)
def test_numbers_have_three_digits_that_count(number: float, said: str) -> None:
    assert digits(number) == said


def test_ratios_pair_what_was_measured_in_the_same_round() -> None:
    assert ratios([2.0, 30.0, 8.0], [1.0, 10.0, 2.0]) == (3.0, 2.0, 4.0)
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], [1.0, 2.0])


def test_a_percentile_lies_between_its_neighbours() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.95) == pytest.approx(4.8)
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([1.0, 9.0], 1.0) == 9.0
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_every_second_round_goes_the_other_way() -> None:
    seen: list[str] = []

    def contender(name: str) -> float:
        seen.append(name)
        return float(len(seen))

    found = rounds(3, {"a": lambda: contender("a"), "b": lambda: contender("b")})
    assert seen == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [1.0, 4.0, 5.0], "b": [2.0, 3.0, 6.0]}
