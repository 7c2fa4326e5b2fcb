"""Lab reports over the API: to read, with their markers."""

from __future__ import annotations

import pytest

from careops.lib import clock
from labs.models import Report
from tests.api.support import Caller
from tests.factories.labs import ReportFactory, ResultFactory
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

REPORTS = "/api/v1/reports/"


def test_a_report_shows_its_markers(partner: Caller) -> None:
    report = ReportFactory()
    marker = ResultFactory(report=report, value="141", number=141)
    body = partner.get(f"{REPORTS}{report.pk}/").json()
    assert (body["order"], body["patient"], body["released_at"]) == (
        str(report.order_id),
        str(report.patient_id),
        None,
    )
    assert body["results"] == [
        {
            "id": str(marker.pk),
            "name": "LDL cholesterol",
            "slug": "ldl-cholesterol",
            "loinc": "13457-7",
            "value": "141",
            "number": "141.000000",
            "unit": "mg/dL",
            "min_range": None,
            "max_range": "129.000000",
            "interpretation": "normal",
            "above_max": True,
            "below_min": False,
        }
    ]


def test_a_report_changes_with_its_markers(partner: Caller) -> None:
    """Whoever keeps copies and asks what changed since hears of a corrected marker; the marker alone has an event."""
    report = ReportFactory()
    marker = ResultFactory(report=report)
    events = EventRecord.objects.count()
    for write in (marker.save, marker.delete):
        since, known = clock.now(), partner.get(f"{REPORTS}{report.pk}/")["ETag"]
        marker.value = "141"
        write()
        found = partner.get(REPORTS, {"updated_since": since.isoformat()}).json()["results"]
        assert [row["id"] for row in found] == [str(report.pk)]
        assert partner.get(f"{REPORTS}{report.pk}/")["ETag"] != known
    assert list(EventRecord.objects.order_by("id")[events:].values_list("name", flat=True)) == [
        "lab_report.result_updated"
    ]
    assert Report.objects.get().version == 4


def test_released_ones_can_be_told_apart(partner: Caller) -> None:
    withheld, released = ReportFactory(), ReportFactory(state="final", released_at="2026-03-10T18:00:00Z")
    found = {
        answer: [row["id"] for row in partner.get(REPORTS, {"released": answer}).json()["results"]]
        for answer in ("true", "false")
    }
    assert found == {"true": [str(released.pk)], "false": [str(withheld.pk)]}


def test_reports_are_read_and_nothing_else(partner: Caller) -> None:
    report = ReportFactory()
    assert partner.patch(f"{REPORTS}{report.pk}/", {"notes": "x"}).status_code == 405
    assert partner.post(f"{REPORTS}{report.pk}/transitions/finalise/").status_code == 404
