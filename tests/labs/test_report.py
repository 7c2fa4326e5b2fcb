"""Reports and their markers: entered, final, corrected, released; and a critical marker raises its voice once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from careops.access.actor import Actor
from careops.access.models import User
from labs.models import Report, Result
from tests.factories.labs import ReportFactory, RequisitionFactory, ResultFactory
from tests.labs.helpers import names, told
from workflows.catalogue import Conflict, IllegalTransition, NotPermitted, events

pytestmark = pytest.mark.django_db

#: Move → where it may start, what it needs; by hand.
MOVES: dict[str, tuple[str, str]] = {
    "finalise": ("preliminary", "labs.finalise_report"),
    "correct": ("final corrected", "labs.correct_report"),
    "release": ("final corrected", "labs.release_report"),
}


@pytest.fixture
def report() -> Report:
    """Preliminary, with one marker."""
    return ResultFactory().report


def test_the_table_above_names_every_move() -> None:
    assert set(Report.moves()) == set(MOVES)


@pytest.mark.parametrize("state", Report.State.values)
@pytest.mark.parametrize("move", MOVES)
def test_a_move_is_legal_exactly_where_it_is_declared(move: str, state: str, omar: User) -> None:
    sources, needs = MOVES[move]
    report = ResultFactory(report__state=state).report
    assert Report.move(move).needs == needs
    if state in sources.split():
        report.perform(move, by=Actor.of(omar))
    else:
        with pytest.raises(IllegalTransition):
            report.perform(move, by=Actor.of(omar))


def test_a_report_becomes_final_is_released_and_stays_so_when_corrected(report: Report, omar: User) -> None:
    for move in ("finalise", "release", "correct"):
        report = report.perform(move, by=Actor.of(omar))
    assert report.state == "corrected"
    assert report.released_at is not None
    assert told(report) == [
        ("lab_report.created", {"to": "preliminary"}),
        ("lab_report.finalised", {"from": "preliminary", "to": "final"}),
        ("lab_report.released", {"from": "final", "to": "final"}),
        ("lab_report.corrected", {"from": "final", "to": "corrected"}),
    ]


def test_a_report_is_released_once(report: Report, omar: User) -> None:
    report = report.perform("finalise", by=Actor.of(omar)).perform("release", by=Actor.of(omar))
    with pytest.raises(IllegalTransition):
        report.perform("release", by=Actor.of(omar))


def test_an_empty_report_cannot_be_final(omar: User) -> None:
    with pytest.raises(IllegalTransition):
        ReportFactory().perform("finalise", by=Actor.of(omar))


def test_the_lab_does_not_release_to_the_patient(report: Report, lena: User) -> None:
    final = report.perform("finalise", by=Actor.of(lena))
    with pytest.raises(NotPermitted):
        final.perform("release", by=Actor.of(lena))


def test_an_edit_of_a_report_is_told_without_its_content(report: Report) -> None:
    report.notes = "Haemolysed"
    report.save()
    assert told(report)[1:] == [("lab_report.updated", {"changed": ["notes"]})]


def test_an_edit_of_a_report_whose_marker_somebody_changed_is_a_conflict(report: Report) -> None:
    elsewhere = Result.objects.get()
    elsewhere.value = "141"
    elsewhere.save()
    report.notes = "Haemolysed"
    with pytest.raises(Conflict):
        report.save()
    assert Report.objects.get().notes == ""


def test_everything_of_the_lab_follows_a_patient_who_is_merged(
    report: Report, ada: Any, system: Actor
) -> None:
    requisition = RequisitionFactory(order=report.order)
    report.order.patient.perform("merge", by=system, into=ada)
    for record in (report.order, requisition, report, report.results.get()):
        record.refresh_from_db()
        assert record.patient_id == ada.pk


@pytest.mark.parametrize("name", ["LAB_REPORT_CREATED", "LAB_REPORT_UPDATED"])
def test_canvas_names_lead_to_the_report(name: str) -> None:
    assert {event.subject for event in events.named(name)} == {"labs.Report"}


# ── Markers ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("number", "minimum", "maximum", "above", "below"),
    [
        ("101", None, "129", False, False),
        ("129", None, "129", False, False),
        ("129.000001", None, "129", True, False),
        ("39.9", "40", None, False, True),
        ("5", None, None, False, False),
    ],
)
def test_a_number_is_held_against_its_range(
    number: str, minimum: str | None, maximum: str | None, above: bool, below: bool
) -> None:
    result = ResultFactory(
        number=Decimal(number),
        min_range=Decimal(minimum) if minimum else None,
        max_range=Decimal(maximum) if maximum else None,
    )
    result.refresh_from_db()
    assert (result.above_max, result.below_min) == (above, below)


def test_the_labs_own_flag_stands_where_there_is_no_number() -> None:
    result = ResultFactory(value=">500", number=None, above_max=True)
    assert (result.above_max, result.patient_id) == (True, result.report.order.patient_id)


def test_a_critical_marker_is_told_when_it_is_entered() -> None:
    result = ResultFactory(interpretation="critical")
    assert told(result) == [("lab_report.critical_result", {})]
    assert [event.name for event in events.named("labtest.result.critical")] == ["lab_report.critical_result"]


def test_a_marker_that_becomes_critical_is_told_once_and_only_then() -> None:
    result = ResultFactory()
    assert names(result) == []
    result.interpretation = "critical"
    result.save()
    result.value = "240"
    result.save()
    assert told(result) == [
        ("lab_report.critical_result", {}),
        ("lab_report.result_updated", {"changed": ["value"]}),
    ]


@pytest.mark.parametrize(
    "fields",
    [{"interpretation": "fine"}, {"number": None, "above_max": True, "below_min": True}],
)
def test_the_database_refuses_a_marker_that_makes_no_sense(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ResultFactory(**fields)


@pytest.mark.parametrize(
    "fields", [{"state": "lost"}, {"state": "preliminary", "released_at": "2026-03-02T14:00:00Z"}]
)
def test_the_database_refuses_a_strange_state_and_a_released_preliminary_report(
    fields: dict[str, Any],
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ReportFactory(**fields)


def test_neither_reports_nor_markers_are_named_by_what_they_say(report: Report) -> None:
    result = Result.objects.get(report=report)
    assert str(report) == f"Lab report {str(report.pk)[-8:]}"
    assert str(result) == f"Marker {str(result.pk)[-8:]}"
