"""Amounts are integers in the currency's smallest unit; this is how they are shown."""

# ISO 4217 currencies whose smallest unit is not a hundredth.
_DECIMALS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0,
    "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip


def format_cents(amount: int, currency: str = "USD") -> str:
    """``1234`` and ``"USD"`` give ``"12.34 USD"``: exact, ungrouped, the same in every language."""
    decimals = _DECIMALS.get(currency, 2)
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**decimals)
    number = f"{whole}.{rest:0{decimals}d}" if decimals else str(whole)
    return f"{sign}{number} {currency}"
