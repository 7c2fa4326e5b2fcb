"""The lab's pages in the staff area: who sees what, what can be done there, and at what price."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from careops.access.actor import Actor
from labs.models import LabOrder, LabTest, Report
from tests.factories.labs import (
    LabOrderFactory,
    LabTestFactory,
    ReportFactory,
    RequisitionFactory,
    ResultFactory,
    status,
)
from tests.labs.helpers import fixture, names
from tests.labs.test_junction import THEIRS, interpret
from tests.surfaces.support import filled_in, page

pytestmark = pytest.mark.django_db

PAGES = ("laborder", "requisition", "report", "labtest")


def listing(noun: str) -> str:
    return reverse(f"admin:labs_{noun}_changelist")


@pytest.mark.parametrize(
    ("person", "sees"),
    [
        ("nia", ()),
        ("omar", PAGES),
        ("lena", PAGES),
        ("pia", ()),
        ("olga", ("laborder", "labtest")),
        ("root", PAGES),
    ],
)
def test_each_list_opens_for_whom_the_roles_name(at_desk: Any, request: Any, person: str, sees: Any) -> None:
    browser = at_desk(request.getfixturevalue(person))
    opened = [noun for noun in PAGES if browser.get(listing(noun)).status_code == 200]
    assert opened == list(sees)


@pytest.mark.parametrize(
    ("noun", "make"),
    [
        ("laborder", LabOrderFactory),
        ("requisition", RequisitionFactory),
        ("report", ReportFactory),
        ("labtest", LabTestFactory),
    ],
)
def test_a_list_costs_the_same_however_long_it_is(at_desk: Any, root: Any, noun: str, make: Any) -> None:
    browser = at_desk(root)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(listing(noun)).status_code == 200
        return len(queries)

    make()
    cost()  # content types and the like are read once
    one = cost()
    for _ in range(8):
        make()
    assert cost() == one


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("Aba", ["ada"]),
        ("700100200", ["ada"]),
        (THEIRS, ["ada"]),
        ("700", []),
        ("Bauer", ["ben"]),
        ("", ["ada", "ben"]),
    ],
)
def test_orders_are_found_by_person_or_by_number(
    at_desk: Any, lena: Any, ada: Any, ben: Any, term: str, found: list[str]
) -> None:
    people = {"ada": ada, "ben": ben}
    LabOrderFactory(patient=ada, sample_id="700100200", external_id=THEIRS)
    LabOrderFactory(patient=ben, sample_id="800")
    response = at_desk(lena).get(listing("laborder"), {"q": term})
    shown = {order.patient_id for order in response.context["cl"].result_list}
    assert shown == {people[name].pk for name in found}


def test_an_orders_page_tells_how_it_went_and_what_it_led_to(at_desk: Any, lena: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(fixture("order_updated"))
    ReportFactory(order=order, specimen_number="SP-9")
    response = at_desk(lena).get(page(order))
    text = response.content.decode()
    for row in order.history.all():
        assert row.status in text
    assert "SP-9" in text
    assert page(order.requisitions.get()) in text
    inlines = [len(inline.formset.initial_forms) for inline in response.context["inline_admin_formsets"]]
    assert inlines == [5, 1, 1]


def test_operations_see_an_orders_history_but_not_its_reports(at_desk: Any, olga: Any) -> None:
    order = LabOrderFactory(external_id=THEIRS)
    interpret(fixture("order_updated"))
    ReportFactory(order=order, specimen_number="SP-9")
    text = at_desk(olga).get(page(order)).content.decode()
    assert status("draw_completed") in text
    assert "SP-9" not in text


def test_a_clinician_orders_a_test_and_cancels_it_with_a_reason(at_desk: Any, omar: Any, ada: Any) -> None:
    browser, test = at_desk(omar), LabTestFactory()
    form = browser.get(reverse("admin:labs_laborder_add"))
    assert form.status_code == 200
    sent = {"patient": str(ada.pk), "lab_test": str(test.pk), "practitioner": "", "notes": "Fasting"}
    sent |= {f"{prefix}-{name}": "0" for prefix in ("history", "requisitions", "reports")
             for name in ("TOTAL_FORMS", "INITIAL_FORMS")}  # fmt: skip
    answer = browser.post(reverse("admin:labs_laborder_add"), {**sent, "external_id": "", "sample_id": ""})
    assert answer.status_code == 302, answer.context["errors"]
    order = LabOrder.objects.get()
    assert (order.patient, order.notes, order.state) == (ada, "Fasting", status("ordered"))

    browser.post(page(order, "transition", "cancel"), {"reason": ""})
    assert names(order) == ["lab_order.ordered"]
    browser.post(page(order, "transition", "cancel"), {"reason": "Entered twice"})
    assert names(order) == ["lab_order.ordered", "lab_order.cancelled"]


def test_buttons_offer_the_next_step_and_no_shortcut(at_desk: Any, root: Any) -> None:
    order = LabOrderFactory(at="draw_completed")
    response = at_desk(root).get(page(order))
    moves = {button.url.rstrip("/").rpartition("/")[2] for button in response.context["buttons"]}
    assert moves == {"cancel", "receive_partial_results", "complete", "fail_sample"}


def test_the_labs_id_of_an_order_is_entered_once(at_desk: Any, lena: Any) -> None:
    browser, order = at_desk(lena), LabOrderFactory()
    browser.post(page(order), filled_in(browser.get(page(order)), external_id=THEIRS))
    order.refresh_from_db()
    assert order.external_id == THEIRS
    browser.post(page(order), filled_in(browser.get(page(order)), external_id="another-of-theirs"))
    order.refresh_from_db()
    assert order.external_id == THEIRS


def test_a_requisition_and_a_report_are_begun_on_the_orders_page(at_desk: Any, lena: Any) -> None:
    browser, order = at_desk(lena), LabOrderFactory()
    sent = filled_in(browser.get(page(order)))
    sent |= {"requisitions-TOTAL_FORMS": "1", "requisitions-0-number": "F-77"}
    sent |= {"reports-TOTAL_FORMS": "1", "reports-0-specimen_number": "SP-9"}
    answer = browser.post(page(order), sent)
    assert answer.status_code == 302, answer.context["errors"]
    assert (order.requisitions.get().number, order.reports.get().specimen_number) == ("F-77", "SP-9")
    assert order.reports.get().patient_id == order.patient_id

    browser.post(page(order), {**sent, "requisitions-0-number": "F-78", "reports-TOTAL_FORMS": "0"})
    assert order.requisitions.count() == 1


def test_the_lab_enters_markers_and_a_clinician_releases_the_report(
    at_desk: Any, lena: Any, omar: Any
) -> None:
    report, lab = ReportFactory(), at_desk(lena)
    sent = filled_in(lab.get(page(report)))
    marker = {"name": "LDL cholesterol", "slug": "ldl", "value": "190", "number": "190", "max_range": "129"}
    sent |= {"results-TOTAL_FORMS": "1", "results-0-interpretation": "critical"}
    sent |= {f"results-0-{name}": value for name, value in marker.items()}
    answer = lab.post(page(report), sent)
    assert answer.status_code == 302, answer.context["errors"]
    result = report.results.get()
    assert (result.above_max, names(result)) == (True, ["lab_report.critical_result"])
    assert "above range" in lab.get(page(report)).content.decode()

    lab.post(page(report, "transition", "finalise"))
    assert lab.post(page(report, "transition", "release")).status_code == 403
    at_desk(omar).post(page(report, "transition", "release"))
    assert Report.objects.get().released_at is not None


def test_a_range_the_wrong_way_round_is_an_error_at_its_end(at_desk: Any, lena: Any) -> None:
    report, browser = ReportFactory(), at_desk(lena)
    sent = filled_in(browser.get(page(report))) | {"results-TOTAL_FORMS": "1"}
    marker = {"name": "LDL", "slug": "ldl", "value": "7", "number": "7", "interpretation": "normal"}
    sent |= {f"results-0-{name}": value for name, value in (marker | {"min_range": "10"}).items()}
    answer = browser.post(page(report), sent | {"results-0-max_range": "5"})
    (markers,) = (inline.formset for inline in answer.context["inline_admin_formsets"])
    assert markers.errors == [{"max_range": ["A range does not end before it begins."]}]
    assert report.results.count() == 0

    browser.post(page(report), sent | {"results-0-max_range": "10"})
    assert report.results.get().below_min is True


def test_reports_and_requisitions_are_not_begun_out_of_nowhere(at_desk: Any, root: Any) -> None:
    for noun in ("report", "requisition"):
        assert at_desk(root).get(reverse(f"admin:labs_{noun}_add")).status_code == 403


def test_a_tests_code_stays_once_it_exists(at_desk: Any, olga: Any) -> None:
    browser, test = at_desk(olga), LabTestFactory(code="a1c")
    browser.post(page(test), filled_in(browser.get(page(test)), code="b2d", name="Haemoglobin A1c"))
    kept = LabTest.objects.get()
    assert (kept.code, kept.name) == ("a1c", "Haemoglobin A1c")
    assert browser.get(reverse("admin:labs_labtest_add")).status_code == 200


def test_the_reports_page_costs_the_same_however_many_markers_it_has(at_desk: Any, lena: Any) -> None:
    browser, report = at_desk(lena), ResultFactory().report

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(page(report)).status_code == 200
        return len(queries)

    cost()
    one = cost()
    for _ in range(8):
        ResultFactory(report=report)
    assert cost() == one


def test_a_final_report_is_shown_as_released_or_not(at_desk: Any, omar: Any) -> None:
    final = ResultFactory().report.perform("finalise", by=Actor.of(omar))
    browser = at_desk(omar)
    withheld = browser.get(listing("report"), {"released_at__isempty": "1"})
    assert [row.pk for row in withheld.context["cl"].result_list] == [final.pk]
    final.perform("release", by=Actor.of(omar))
    withheld = browser.get(listing("report"), {"released_at__isempty": "1"})
    assert list(withheld.context["cl"].result_list) == []
