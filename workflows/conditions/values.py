"""Values as conditions see them: one form per kind, from a query, an event's row or foreign JSON alike.

| kind    | form                                      | counts as "no value"                    |
|---------|-------------------------------------------|-----------------------------------------|
| text    | str                                       | None, ""                                |
| choice  | str                                       | None, ""                                |
| number  | int, or Decimal where it is not whole     | None, NaN, infinities                   |
| boolean | bool                                      | None                                    |
| date    | date, or datetime with an offset          | None                                    |
| list    | list of str                               | None ([] is a list with nothing in it)  |

``columns.typed`` is the same table for SQL.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _

from workflows.catalogue import ValueKind
from workflows.conditions.complaints import complaint

#: Needed values stay within these, so that no stored rule can make a worker count to the end of the universe.
LARGEST = 10**15
LONGEST_TEXT = 500
MOST_VALUES = 100
YEARS = range(1800, 3000)
#: How much of a long text a trace keeps.
TRACED_TEXT = 200
#: JSON encoders refuse integers beyond 64 bits.
INT64 = 2**63


# ── What a fact answered ────────────────────────────────────────────────────────────────────────────────
def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=str) if value else None
    return str(value) or None


def _number(value: Any) -> int | Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        value = Decimal(repr(value))
    elif isinstance(value, str):
        value = _written_number(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else value


def _written_number(text: str) -> Decimal | None:
    """A number that foreign JSON holds as text. 1e999999 is none: it would fill the memory."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= 18 else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(value: Any) -> date | None:
    if isinstance(value, str):
        value = _written_date(value)
    if isinstance(value, datetime) and timezone.is_naive(value):
        return timezone.make_aware(value, timezone.get_default_timezone())
    return value if isinstance(value, date) else None


def _written_date(text: str) -> date | None:
    """An ISO date or datetime; None for anything else, also for the 30th of February."""
    try:
        return parse_date(text) or parse_datetime(text)
    except ValueError:
        return None


def _list(value: Any) -> list[str] | None:
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if not isinstance(value, list | tuple):
        return None
    return [text for entry in value if entry is not None and (text := _text(entry)) is not None]


CANONICAL: dict[ValueKind, Callable[[Any], Any]] = {
    ValueKind.TEXT: _text,
    ValueKind.CHOICE: _text,
    ValueKind.NUMBER: _number,
    ValueKind.BOOLEAN: _boolean,
    ValueKind.DATE: _date,
    ValueKind.LIST: _list,
}


def canonical(kind: ValueKind, value: Any) -> Any:
    """The value in its kind's form; None where there is none or it is not of that kind. Never raises."""
    return None if value is None else CANONICAL[kind](value)


def plain(value: Any) -> Any:
    """The value as JSON that every encoder takes: no Decimal, no integer beyond 64 bits, no endless text."""
    if isinstance(value, str):
        return value if len(value) <= TRACED_TEXT else value[:TRACED_TEXT] + "…"
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -INT64 <= value < INT64 else str(value)
    if isinstance(value, Decimal):
        return float(value) if abs(value.adjusted()) < 300 else str(value)
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value.isoformat()


# ── What a rule needs ───────────────────────────────────────────────────────────────────────────────────
def _needed_text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise complaint("not_text", _("This needs a text."))
    if not raw:
        raise complaint("empty_text", _("This text is empty. Ask whether there is a value instead."))
    if len(raw) > LONGEST_TEXT:
        raise complaint("too_long", _("A text may be %(limit)s characters long."), limit=LONGEST_TEXT)
    if "\x00" in raw or any("\ud800" <= letter <= "\udfff" for letter in raw):
        raise complaint("unwritable", _("This text holds a character that cannot be stored."))
    return raw


def _needed_number(raw: Any) -> int | Decimal:
    number = _number(raw) if isinstance(raw, int | float | Decimal) else None
    if number is None:
        raise complaint("not_a_number", _("This needs a number."))
    if not -LARGEST <= number <= LARGEST:
        raise complaint("too_large", _("A number may be at most %(limit)s."), limit=LARGEST)
    return number


def _needed_date(raw: Any) -> date:
    value = _written_date(raw) if isinstance(raw, str) else raw
    if not isinstance(value, date) or value.year not in YEARS:
        raise complaint("not_a_date", _("This needs a date such as 2026-01-31."))
    if isinstance(value, datetime) and timezone.is_naive(value):
        raise complaint(
            "no_offset", _("This time needs its offset from UTC, as in 2026-01-31T09:00:00+00:00.")
        )
    return value


def whole_number(lowest: int, highest: int) -> Callable[[Any], int]:
    """A reader of whole numbers between the two, for operators that count something."""

    def read(raw: Any) -> int:
        number: Any = _needed_number(raw)
        if type(number) is not int or not lowest <= number <= highest:
            raise complaint(
                "not_whole",
                _("This needs a whole number from %(low)s to %(high)s."),
                low=lowest,
                high=highest,
            )
        return number

    return read


#: How the value a rule compares with is read, per kind of the fact; one entry of a list is a text.
NEEDED: dict[ValueKind, Callable[[Any], Any]] = {
    ValueKind.TEXT: _needed_text,
    ValueKind.CHOICE: _needed_text,
    ValueKind.NUMBER: _needed_number,
    ValueKind.DATE: _needed_date,
    ValueKind.LIST: _needed_text,
}
