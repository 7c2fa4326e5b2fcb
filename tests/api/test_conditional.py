"""Entity tags: read what changed, change what you have read; parts count as much as the record."""

from __future__ import annotations

from typing import Any

import pytest

from careops.access.models import AuditEntry
from patients.models import Task
from tests.api.support import PROBLEM, Caller
from tests.factories.labs import ReportFactory, ResultFactory
from tests.factories.patients import TaskFactory

pytestmark = pytest.mark.django_db


def address(task: Any) -> str:
    return f"/api/v1/tasks/{task.pk}/"


@pytest.mark.parametrize("known", ['"1"', 'W/"1"', '"7", "1"', "*"])
def test_what_did_not_change_is_not_sent_again(partner: Caller, known: str) -> None:
    answer = partner.get(address(TaskFactory()), If_None_Match=known)
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", '"1"')
    assert AuditEntry.objects.filter(act="view").count() == 0


@pytest.mark.parametrize("known", ['"2"', "1", "", "nonsense"])
def test_what_changed_is(partner: Caller, known: str) -> None:
    assert partner.get(address(TaskFactory()), If_None_Match=known).status_code == 200


@pytest.mark.parametrize("tag", ['"1"', '"0", "1"', "*", None])
def test_the_version_that_was_read_is_changed(partner: Caller, tag: str | None) -> None:
    answer = partner.patch(address(TaskFactory()), {"title": "New"}, If_Match=tag)
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')


@pytest.mark.parametrize("tag", ['"2"', '"0"', 'W/"1"', "1", ""])
def test_another_version_is_not(partner: Caller, tag: str) -> None:
    task = TaskFactory()
    edit = partner.patch(address(task), {"title": "New"}, If_Match=tag)
    move = partner.post(f"{address(task)}transitions/start/", {}, If_Match=tag)
    for answer in (edit, move):
        assert (answer.status_code, answer["Content-Type"], answer["ETag"]) == (412, PROBLEM, '"1"')
        assert answer.json()["type"] == "urn:careops:problem:stale"
    kept = Task.objects.get()
    assert (kept.title, kept.state, kept.version) == ("Call back", "open", 1)


def test_a_corrected_marker_is_another_version_of_its_report(partner: Caller) -> None:
    """The report's own row did not change; what it says did."""
    report = ReportFactory()
    marker = ResultFactory(report=report)
    url = f"/api/v1/reports/{report.pk}/"
    before = partner.get(url)["ETag"]
    assert partner.get(url, If_None_Match=before).status_code == 304
    marker.value = "141"
    marker.save()
    after = partner.get(url, If_None_Match=before)
    assert (after.status_code, after.json()["results"][0]["value"]) == (200, "141")
    assert after["ETag"] != before
