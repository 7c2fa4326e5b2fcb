"""A patient's results on the portal: in words first, then drawn, each with its history, and only what was released."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from careops.access.models import AuditEntry
from labs.models import Report, Result
from labs.portal.marker import verdict
from tests.factories.labs import LabOrderFactory, LabTestFactory, ReportFactory, ResultFactory
from tests.portal.conftest import released, text_of

pytestmark = pytest.mark.django_db
RESULTS = "/portal/results/"


def report_of(patient: Any, *values: Any, month: int = 3, release: bool = True, **fields: Any) -> Report:
    """A report of 2026 with one marker per value, all of the same code."""
    taken = datetime(2026, month, 10, 15, 0, tzinfo=UTC)
    report = ReportFactory(order=LabOrderFactory(patient=patient, lab_test=LabTestFactory(name="Lipid panel")),
                           collected_at=taken, reported_at=taken)  # fmt: skip
    for value in values:
        ResultFactory(report=report, value=str(value), number=value, **fields)
    return released(report) if release else report


def page(report: Report) -> str:
    return reverse("portal:report", args=[report.pk])


def markers(answer: Any) -> list[Any]:
    return answer.context["markers"]


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"number": Decimal("101"), "max_range": Decimal("129")}, ("Within the range", "good")),
        ({"number": Decimal("129"), "max_range": Decimal("129")}, ("Within the range", "good")),
        ({"number": Decimal("130"), "max_range": Decimal("129")}, ("Above the range", "wait")),
        ({"number": Decimal("3"), "min_range": Decimal("4"), "max_range": None}, ("Below the range", "wait")),
        ({"number": Decimal("130"), "interpretation": "critical"}, ("Critical – call us", "stop")),
        ({"number": Decimal("101"), "interpretation": "abnormal"}, ("Not as expected", "wait")),
        ({"number": None, "value": "positive", "interpretation": "abnormal"}, ("Not as expected", "wait")),
        ({"number": None, "value": "negative", "max_range": None}, ("As expected", "good")),
    ],
)
def test_what_a_value_means_is_said_in_words(ada, fields, words):
    result = ResultFactory(report__order__patient=ada, **fields)
    label, tone = verdict(result)
    assert (str(label), tone) == words


def test_a_report_tells_values_ranges_and_when_the_sample_was_taken(at_portal, ada):
    report = report_of(ada, Decimal("140"))
    ResultFactory(report=report, name="Sodium", slug="sodium", value="137", number=137, unit="mmol/L",
                  min_range=Decimal("135"), max_range=Decimal("145.50"))  # fmt: skip
    ResultFactory(
        report=report,
        name="Blood group",
        slug="blood-group",
        value="A+",
        number=None,
        unit="",
        max_range=None,
    )
    text = text_of(at_portal(ada).get(page(report)))
    assert (
        "Lipid panel Sample taken on March 10, 2026 · reported on March 10, 2026 1 of 3 out of range" in text
    )
    assert "LDL cholesterol Above the range 140 mg/dL 129 Expected: up to 129 mg/dL" in text
    assert "Sodium Within the range 137 mmol/L 135 145.5 Expected: 135 to 145.5 mmol/L" in text
    assert "Blood group As expected A+" in text
    assert "Questions? Call us at +1 212 555 0100" in text


def test_what_needs_attention_stands_first(at_portal, ada):
    report = report_of(ada, Decimal("101"))
    for name, fields in {"B": {"number": 130}, "C": {"number": 400, "interpretation": "critical"}}.items():
        ResultFactory(report=report, name=name, slug=name.lower(), **fields)
    answer = at_portal(ada).get(page(report))
    assert [marker.result.name for marker in markers(answer)] == ["C", "B", "LDL cholesterol"]
    assert "Call +1 212 555 0100" in text_of(answer)


def test_without_a_specimen_date_the_page_says_so(at_portal, ada):
    report = report_of(ada, Decimal("101"))
    report.collected_at = report.reported_at = None
    report.save()
    assert "The lab did not say when the sample was taken" in text_of(at_portal(ada).get(page(report)))


def test_a_corrected_report_says_that_it_was(at_portal, ada, system):
    report = report_of(ada, Decimal("101"))
    client = at_portal(ada)
    assert "Corrected" not in text_of(client.get(page(report)))
    report.perform("correct", by=system)
    assert "Corrected: the lab changed these results after they were first reported." in text_of(
        client.get(page(report))
    )
    assert "· corrected" in text_of(client.get(RESULTS))


def test_the_labs_notes_are_not_shown(at_portal, ada):
    report = report_of(ada, Decimal("101"))
    report.notes = "Sample was hemolyzed, discuss"
    report.save()
    assert "hemolyzed" not in at_portal(ada).get(page(report)).content.decode()


# ── History ───────────────────────────────────────────────────────────────────────────────────────────────
def test_a_trend_joins_what_was_released_of_the_same_marker_and_unit(at_portal, ada, ben):
    first = report_of(ada, Decimal("160"), month=1)
    latest = report_of(ada, Decimal("120"), month=6)
    report_of(ada, Decimal("150"), month=3)
    report_of(ada, Decimal("999"), month=4, release=False)
    report_of(ada, Decimal("3.1"), month=5, unit="mmol/L")
    report_of(ada, Decimal("55"), month=2, slug="hdl-cholesterol")
    report_of(ben, Decimal("777"), month=2)
    (marker,) = markers(at_portal(ada).get(page(latest)))
    assert [point.reading.result.value for point in marker.trend.points] == ["160", "150", "120"]
    assert [point.date for point in marker.trend.points] == ["Jan 2026", "Mar 2026", "Jun 2026"]
    assert [point.is_this for point in marker.trend.points] == [False, False, True]
    (earlier,) = markers(at_portal(ada).get(page(first)))
    assert [point.is_this for point in earlier.trend.points] == [True, False, False]


def test_the_trend_is_told_in_words_and_in_a_table_too(at_portal, ada):
    report_of(ada, Decimal("160"), month=1)
    answer = at_portal(ada).get(page(report_of(ada, Decimal("120"), month=6)))
    assert (
        'aria-label="LDL cholesterol over time: from 160 mg/dL on Jan 10, 2026 to 120 mg/dL on Jun 10, 2026"'
        in answer.content.decode()
    )
    assert (
        "All values over time Date Value What it means Jun 10, 2026 120 mg/dL Within the range "
        "Jan 10, 2026 160 mg/dL Above the range"
    ) in text_of(answer)


def test_one_value_alone_is_no_trend(at_portal, ada):
    (marker,) = markers(at_portal(ada).get(page(report_of(ada, Decimal("120")))))
    assert (marker.trend, marker.rows) == (None, ())


def test_words_are_listed_and_not_drawn(at_portal, ada):
    for month in (1, 2):
        latest = report_of(ada, month=month, release=False)
        ResultFactory(report=latest, value="negative", number=None, unit="", max_range=None)
        released(latest)
    (marker,) = markers(at_portal(ada).get(page(latest)))
    assert marker.trend is None
    assert [row.reading.result.value for row in marker.rows] == ["negative", "negative"]


def test_a_long_history_is_cut_to_its_newest_part(at_portal, ada):
    for value in range(30):
        latest = report_of(ada, Decimal(value), month=1 + value // 3)
    (marker, *_others) = markers(at_portal(ada).get(page(latest)))
    assert len(marker.trend.points) == 24
    assert marker.trend.points[-1].reading.result.number == 29


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────
def test_the_list_says_of_each_report_whether_anything_stands_out(at_portal, ada):
    report_of(ada, Decimal("101"), Decimal("102"))
    report_of(ada, Decimal("140"), Decimal("101"))
    critical = report_of(ada, Decimal("500"), release=False)
    Result.objects.get(report=critical).delete()
    ResultFactory(report=critical, number=500, interpretation="critical")
    released(critical)
    text = text_of(at_portal(ada).get(RESULTS))
    assert "Critical – call us" in text
    assert "1 of 2 out of range" in text
    assert "All as expected" in text


def test_an_empty_list_says_how_results_get_there(at_portal, ada):
    text = text_of(at_portal(ada).get(RESULTS))
    assert "No results yet. Your practitioner releases them here after looking at them." in text


def test_a_list_takes_as_many_queries_for_twenty_as_for_one(at_portal, ada, django_assert_num_queries):
    client = at_portal(ada)
    client.get(RESULTS)
    for number in range(1, 21):
        report_of(ada, Decimal("101"), Decimal("140"))
        if number in (1, 20):
            with django_assert_num_queries(9):
                client.get(RESULTS)
    assert "Page 2 of 2" in text_of(client.get(RESULTS, {"page": 2}))


def test_a_report_takes_as_many_queries_for_twenty_markers_as_for_one(
    at_portal, ada, django_assert_num_queries
):
    client = at_portal(ada)
    for many in (1, 20):
        report = report_of(ada, release=False)
        for number in range(many):
            ResultFactory(report=report, slug=f"marker-{number}")
        released(report)
        client.get(page(report))
        with django_assert_num_queries(9):
            client.get(page(report))


def test_a_look_is_written_down_with_every_value_that_was_shown(at_portal, ada):
    earlier = report_of(ada, Decimal("160"), month=1)
    report = report_of(ada, Decimal("120"), month=6)
    at_portal(ada).get(page(report))
    looks = {row.subject_type: (row.act, set(row.subject_ids)) for row in AuditEntry.objects.all()}
    assert looks == {
        "labs.Report": ("view", {str(report.pk)}),
        "labs.Result": ("list", {str(earlier.results.get().pk), str(report.results.get().pk)}),
    }
