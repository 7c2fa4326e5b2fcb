"""The engine's own actions: what their forms accept and how they read in a sentence."""

from __future__ import annotations

import pytest

from workflows.catalogue import actions


def said(name: str, **parameters: object) -> str:
    action = actions.get(name)
    form = action.form(data=parameters)
    assert form.is_valid(), form.errors
    return action.says(form.cleaned_data)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"amount": 1, "unit": "minutes"}, "wait 1 minute"),
        ({"amount": 2, "unit": "weeks"}, "wait 2 weeks"),
        ({"time_of_day": "09:00"}, "wait until 09:00 where the patient lives"),
        (
            {"amount": 1, "unit": "days", "time_of_day": "09:30"},
            "wait 1 day, then wait until 09:30 where the patient lives",
        ),
        (
            {"amount": 1, "unit": "days", "field": "appointment.starts_at", "direction": "before"},
            "wait until 1 day before the appointment's time",
        ),
    ],
)
def test_a_wait_reads_as_people_say_it(db, parameters, sentence):
    assert said("wait", **parameters) == sentence


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "amount"),
        ({"amount": -1, "unit": "days"}, "amount"),
        ({"amount": 1, "direction": "before"}, "field"),
        ({"amount": 1, "field": "nonsense"}, "field"),
    ],
)
def test_a_wait_that_says_nothing_is_refused_at_its_field(db, parameters, field):
    form = actions.get("wait").form(data=parameters)
    assert not form.is_valid()
    assert field in form.errors
