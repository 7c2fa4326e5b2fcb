"""Stored traces told on pages: by the version that was asked, also when the code has moved on."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Value
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from careops.access.actor import Actor
from tests.factories.labs import LabOrderFactory
from tests.surfaces.support import page
from tests.workflows.support import live, work_off
from workflows.catalogue import Fact, Privacy, ValueKind, facts
from workflows.conditions import Operator, operators
from workflows.engine.program import program
from workflows.engine.publish import publish
from workflows.models import EventRecord, NonMatch, Run

pytestmark = pytest.mark.django_db

NON_RUNS = "admin:workflows_nonmatch_changelist"
FORTY = {"all": [{"fact": "patient.age", "operator": "at_least", "value": 40}]}
TASK = {"action": "create_task", "parameters": {"title": "Look", "assign_to": "role", "role": "clinician"}}


def test_a_non_run_is_told_by_the_version_that_was_asked(at_desk, olga, ben):
    version = live("lab_order.ordered", TASK, conditions=FORTY)
    LabOrderFactory(patient=ben)
    work_off()
    automation = version.automation
    automation.refresh_from_db()
    automation.conditions = {"all": [{"fact": "patient.age", "operator": "at_least", "value": 90}]}
    automation.save()
    publish(automation, by=Actor.system())
    [(_automation, number, why, [line])] = at_desk(olga).get(page(NonMatch.objects.get())).context["verdicts"]
    assert number == 1
    assert line.text.endswith("(asked: is at least 40)")
    assert why == f"stopped by condition 1: {line.text}"


def test_what_the_code_knows_no_more_is_still_told(at_desk, olga, ada, ben):
    """A fact and an operator that were dropped since; what they found is nobody's any more, the verdict everybody's."""
    was = {"fact": "patient.height_in_test", "operator": "taller_in_test", "value": 180}
    height = Fact(
        name=was["fact"], model="patients.Patient", label="the patient's height", kind=ValueKind.NUMBER,
        privacy=Privacy.PERSONAL, expression=lambda: Value(185),
    )  # fmt: skip
    taller = Operator(
        name=was["operator"], words="is taller than", says="%(fact)s is taller than %(needed)s",
        kinds=frozenset({ValueKind.NUMBER}), function=lambda actual, needed: actual > needed, lookup="gt",
    )  # fmt: skip
    with facts.temporarily(height), operators.temporarily(taller):
        live("lab_order.ordered", {**TASK, "only_if": {"all": [was]}}, name="Ran", conditions={"all": [was]})
        live("lab_order.ordered", TASK, name="Did not", conditions={"none": [was, *FORTY["all"]]})
        LabOrderFactory(patient=ada)
        work_off()
    program.cache_clear()
    run, told = (
        Run.objects.get(automation__isnull=False),
        "patient.height_in_test: ••• (asked: taller_in_test 180)",
    )
    story = at_desk(olga).get(page(run)).context
    assert [(line.text, line.holds) for line in story["lines"]] == [(told, True)]
    assert [(line.text, line.holds) for line in story["steps"][0].verdicts] == [(told, True)]
    [(_automation, _number, _why, lines)] = (
        at_desk(olga).get(page(NonMatch.objects.get())).context["verdicts"]
    )
    assert [(line.text, line.holds, line.depth) for line in lines][:2] == [
        ("none of these", False, 0),
        (told, True, 1),
    ]


def test_an_event_that_nobody_could_be_shown_has_its_page_and_its_place_in_the_list(at_desk, root, ada):
    event = EventRecord.objects.filter(patient_id=ada.pk).first()
    NonMatch.objects.filter(event=event).delete()
    parked = NonMatch.objects.create(
        event=event, automations=[], verdicts=[{"refused": "broken", "error": "X"}]
    )
    said = "The event could not be acted upon: no automation has seen it."
    client = at_desk(root)
    assert said in client.get(reverse(NON_RUNS)).content.decode()
    assert client.get(page(parked)).context["verdicts"] == [(None, None, said, [])]
    assert client.get(page(event)).context["non_runs"] == [("–", said)]


def test_many_non_runs_take_as_many_queries_as_one(at_desk, olga, ben):
    live("lab_order.ordered", TASK, conditions=FORTY)
    client = at_desk(olga)

    def queries():
        LabOrderFactory(patient=ben)
        work_off()
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse(NON_RUNS))
        return len(asked)

    client.get(reverse(NON_RUNS))
    assert queries() == queries()
