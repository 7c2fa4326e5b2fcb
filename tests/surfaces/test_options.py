"""Long selects say what Django's own would say, to the letter."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.test.html import parse_html

from careops.surfaces.options import LongSelect

CHOICES = [
    ("", "The clinic's <zone>"),
    ("Europe", [("Europe/Berlin", "Berlin"), ("Europe/Zürich", 'Zü"rich')]),
    (7, "seven"),
]


@pytest.mark.parametrize("value", ["", None, "Europe/Berlin", "Europe/Zürich", 7, "7", "nowhere"])
@pytest.mark.parametrize("attrs", [{}, {"id": "id_zone", "required": True, "aria-describedby": 'a"b'}])
def test_drawn_like_djangos(value: Any, attrs: dict[str, Any]) -> None:
    ours = LongSelect({"class": "wide"}, CHOICES).render("zone", value, attrs)
    theirs = forms.Select({"class": "wide"}, CHOICES).render("zone", value, attrs)
    assert parse_html(ours) == parse_html(theirs)


def test_no_value_is_an_empty_one() -> None:
    choices = [(None, "none"), ("1", "one")]
    assert parse_html(LongSelect(choices=choices).render("n", None)) == parse_html(
        forms.Select(choices=choices).render("n", None)
    )


def test_a_select_of_500_takes_no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms.Select, "_render", lambda *_arguments, **_options: pytest.fail("a template"))
    drawn = LongSelect(choices=[(number, f"Zone {number}") for number in range(500)]).render("zone", 499)
    assert drawn.count("<option") == 500
    assert drawn.count("selected") == 1
