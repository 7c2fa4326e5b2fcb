"""Our selects say what Django's own and Unfold's would say, to the letter."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.template.loader import get_template
from django.test.html import parse_html
from unfold.widgets import UnfoldAdminSelectWidget

CHOICES = [
    ("", "The clinic's <zone>"),
    ("Europe", [("Europe/Berlin", "Berlin"), ("Europe/Zürich", 'Zü"rich')]),
    (7, "seven"),
]


@pytest.mark.parametrize("select", [forms.Select, UnfoldAdminSelectWidget])
@pytest.mark.parametrize("value", ["", None, "Europe/Berlin", "Europe/Zürich", 7, "7", "nowhere"])
@pytest.mark.parametrize("attrs", [{}, {"id": "id_zone", "required": True, "aria-describedby": 'a"b'}])
def test_drawn_like_theirs(select: type[forms.Select], value: Any, attrs: dict[str, Any]) -> None:
    drawn = select({"class": "wide"}, CHOICES)
    ours, theirs = (drawn.render("zone", value, attrs, renderer) for renderer in (None, DjangoTemplates()))
    assert parse_html(ours) == parse_html(theirs)


def test_no_value_is_an_empty_one() -> None:
    drawn = forms.Select(choices=[(None, "none"), ("1", "one")])
    ours, theirs = (drawn.render("n", None, None, renderer) for renderer in (None, DjangoTemplates()))
    assert parse_html(ours) == parse_html(theirs)


def test_a_select_of_500_takes_no_template_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    option = get_template("django/forms/widgets/select_option.html").template
    monkeypatch.setattr(type(option), "render", _refusing(type(option).render, option.name))
    drawn = forms.Select(choices=[(number, f"Zone {number}") for number in range(500)]).render("zone", 499)
    assert drawn.count("<option") == 500
    assert drawn.count("selected") == 1


def _refusing(render: Any, name: str) -> Any:
    def watched(template: Any, context: Any) -> str:
        assert template.name != name
        return render(template, context)

    return watched
