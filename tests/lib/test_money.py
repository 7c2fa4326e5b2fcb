import pytest

from careops.lib.money import format_cents


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1234, "USD", "12.34 USD"),
        (0, "EUR", "0.00 EUR"),
        (5, "USD", "0.05 USD"),
        (-5, "USD", "-0.05 USD"),
        (-1234, "USD", "-12.34 USD"),
        (500, "JPY", "500 JPY"),
        (12345, "KWD", "12.345 KWD"),
        (9_007_199_254_740_993, "USD", "90071992547409.93 USD"),  # beyond what a float can hold
    ],
)
def test_format_cents(amount, currency, shown):
    assert format_cents(amount, currency) == shown


def test_dollars_unless_told_otherwise():
    assert format_cents(100) == "1.00 USD"
