"""Dispatch numbers what was committed, starts each matching automation once, and says why the others did not run."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.db.models import IntegerField
from django.db.models.expressions import RawSQL

from careops.access.actor import Actor
from patients.models import Patient
from tests.factories.patients import PatientFactory
from tests.workflows.support import STOP, draft, live, names, settle, work_off
from workflows.catalogue import Fact, Privacy, Reaction, ValueKind, acting, events, facts, quietly, reactions
from workflows.engine.dispatch import LOCK, dispatch
from workflows.engine.limits import MAX_DEPTH, MAX_RUNS_PER_SUBJECT
from workflows.engine.publish import publish
from workflows.models import Automation, EventRecord, NonMatch, Run, StepRun

SYSTEM = Actor.system()
IN_MAINE = {"all": [{"fact": "patient.region", "operator": "equals", "value": "ME"}]}


@pytest.fixture
def patient(db: None) -> Patient:
    return PatientFactory(region="ME")


def test_positions_are_gapless_and_in_the_order_of_recording(patient):
    patient.perform("onboard", by=SYSTEM)
    settle()
    rows = list(EventRecord.objects.order_by("id").values_list("position", flat=True))
    assert rows == list(range(1, len(rows) + 1))


def test_a_matching_event_starts_one_run_with_its_first_step_due(patient):
    version = live("patient.onboarded", STOP, conditions=IN_MAINE)
    patient.perform("onboard", by=SYSTEM)
    settle()
    run = Run.objects.get()
    assert (run.version_id, run.event.name, run.patient_id) == (version.pk, "patient.onboarded", patient.pk)
    assert run.trace == {"saw": {"patient.region": "ME"}, "held": "1"}
    assert list(run.steps.values_list("key", "state")) == [("stop_1", "due")]
    settle()
    assert Run.objects.count() == 1


def test_an_event_that_does_not_match_leaves_a_non_run_that_says_why(patient):
    version = live("patient.onboarded", STOP, conditions=IN_MAINE)
    PatientFactory(region="VT").perform("onboard", by=SYSTEM)
    settle()
    assert not Run.objects.exists()
    non_match = NonMatch.objects.get()
    assert non_match.automations == [version.automation_id]
    assert non_match.saw == {"patient.region": "VT"}
    assert non_match.verdicts == [{"version": 1, "held": "0"}]


def test_any_vocabularys_name_is_a_trigger(patient):
    live("Patient onboarded", STOP)
    patient.perform("onboard", by=SYSTEM)
    settle()
    assert Run.objects.count() == 1


def test_quiet_events_are_numbered_and_start_nothing(patient):
    live("patient.onboarded", STOP)
    with quietly():
        patient.perform("onboard", by=SYSTEM)
    settle()
    assert EventRecord.objects.get(name="patient.onboarded").position is not None
    assert not Run.objects.exists()


def test_drafts_and_paused_automations_do_not_run(patient):
    draft("patient.onboarded", STOP, name="Draft")
    live("patient.onboarded", STOP, name="Paused").automation.perform("pause", by=SYSTEM)
    patient.perform("onboard", by=SYSTEM)
    settle()
    assert not Run.objects.exists()


def test_a_chain_that_grows_too_deep_stops_and_pauses_its_automation(patient):
    version = live("patient.onboarded", STOP)
    with acting(SYSTEM, depth=MAX_DEPTH):
        patient.perform("onboard", by=SYSTEM)
    settle()
    assert not Run.objects.filter(automation=version.automation).exists()
    assert NonMatch.objects.get().verdicts[0]["refused"] == "too_deep"
    automation = Automation.objects.get(pk=version.automation_id)
    assert automation.state == "paused"
    assert "automation.paused" in names()


def test_an_automation_runs_at_most_twenty_times_an_hour_about_one_record(patient):
    version = live("customer.updated", STOP)
    for number in range(MAX_RUNS_PER_SUBJECT + 2):
        patient.city = f"Town {number}"
        patient.save()
    settle()
    assert Run.objects.filter(automation=version.automation).count() == MAX_RUNS_PER_SUBJECT
    assert Automation.objects.get(pk=version.automation_id).pause_reason.startswith(
        "It ran more than 20 times"
    )


def test_republishing_runs_the_new_version_only(patient):
    first = live("patient.onboarded", STOP)
    second = publish(first.automation, by=SYSTEM)
    patient.perform("onboard", by=SYSTEM)
    settle()
    assert [run.version_id for run in Run.objects.all()] == [second.pk]
    assert second.number == 2


@pytest.mark.django_db(transaction=True)
def test_only_one_process_numbers_events_at_a_time():
    PatientFactory()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        done: list[int] = []

        def other() -> None:
            done.append(dispatch())
            connection.close()

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(10)
        assert done == [0]
    assert dispatch() > 0


@pytest.mark.django_db(transaction=True)
def test_positions_stay_gapless_while_eight_writers_commit_and_roll_back():
    patients = [PatientFactory() for _one in range(8)]

    def write(patient: Patient) -> None:
        for number in range(10):
            try:
                with transaction.atomic():
                    current = Patient.objects.get(pk=patient.pk)
                    current.city = f"Town {number}"
                    current.save()
                    if number % 3 == 0:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue
        connection.close()

    threads = [threading.Thread(target=write, args=[patient]) for patient in patients]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        dispatch(7)
    settle()
    positions = list(EventRecord.objects.order_by("position").values_list("position", flat=True))
    assert positions == list(range(1, len(positions) + 1))
    assert EventRecord.objects.filter(name="customer.updated").count() == 8 * 6


def test_an_automation_whose_facts_fail_spoils_no_neighbours_run(patient):
    broken = Fact(
        name="patient.broken", model="patients.Patient", label="a broken fact", kind=ValueKind.NUMBER,
        privacy=Privacy.PUBLIC, expression=lambda: RawSQL("1 / 0", [], output_field=IntegerField()),
    )  # fmt: skip
    with facts.temporarily(broken):
        bad = live(
            "patient.onboarded", STOP, name="Bad",
            conditions={"all": [{"fact": "patient.broken", "operator": "at_least", "value": 1}]},
        )  # fmt: skip
        good = live("patient.onboarded", STOP, name="Good", conditions=IN_MAINE)
        settle()  # that they were made and published; what happens now, happens by itself
        patient.perform("onboard", by=SYSTEM)
        settle()
    assert [run.automation_id for run in Run.objects.all()] == [good.automation_id]
    non_match = NonMatch.objects.get()
    assert non_match.automations == [bad.automation_id]
    assert non_match.verdicts == [{"version": 1, "held": "", "refused": "facts_failed", "error": "DataError"}]


def test_built_in_reactions_run_beside_automations(patient):
    told: list[str] = []
    reaction = Reaction(
        name="test_reaction", says="Tested.", on=(events.get("patient.onboarded"),),
        run=lambda steps: [told.append(step.event.name) for step in steps],
    )  # fmt: skip
    with reactions.temporarily(reaction):
        patient.perform("onboard", by=SYSTEM)
        settle()
        work_off()
    assert told == ["patient.onboarded"]
    assert list(StepRun.objects.values_list("action", "state")) == [("test_reaction", "done")]
