"""The first page: what there is to do stands first, each with a reason and a day; then what is coming up and new."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from careops.access.models import AuditEntry
from careops.access.roles import PATIENT
from patients.models import Appointment, Patient
from tests.factories.labs import LabOrderFactory, ReportFactory, ResultFactory
from tests.factories.orders import OrderFactory
from tests.factories.patients import PatientFactory
from tests.portal.conftest import released, text_of, visit_in

pytestmark = pytest.mark.django_db
HOME = "/portal/"


def results_for(patient, **fields):
    report = ReportFactory(order=LabOrderFactory(patient=patient, **fields))
    ResultFactory(report=report)
    return released(report)


def todos(answer) -> list[str]:
    return [todo.title for todo in answer.context["todos"]]


def panel(answer, title: str) -> list:
    shown = [*answer.context["panels"], *answer.context["asides"]]
    return next(panel.rows for panel in shown if panel.title == title)


def test_the_front_door_leads_patients_here(at_portal, ada):
    assert at_portal(ada).get("/")["Location"] == HOME


def test_somebody_with_nothing_to_do_hears_so_and_what_will_show_up_where(at_portal, ada):
    answer = at_portal(ada).get(HOME)
    shown = text_of(answer)
    assert "Hello, Ada" in shown
    assert "You are all set. There is nothing to do for you right now." in shown
    assert "No visit is planned. Call us at +1 212 555 0100 to book one." in shown
    assert "Nothing is on its way at the moment." in shown
    assert "No results yet. Your practitioner releases them here after looking at them." in shown


def test_a_booked_visit_is_to_be_confirmed_with_one_press(at_portal, ada):
    visit = visit_in(ada, days=2)
    client = at_portal(ada)
    answer = client.get(HOME)
    (todo,) = answer.context["todos"]
    assert todo.title.startswith("Confirm your visit on ")
    assert (todo.why, todo.due) == ("So that we keep the time free for you.", visit.starts_at)
    after = client.post(todo.act_url, {"next": HOME}, follow=True)
    assert after.redirect_chain == [(HOME, 302)]
    assert todos(after) == []
    assert Appointment.objects.get().state == "confirmed"


def test_what_is_due_first_stands_first_and_what_may_wait_last(at_portal, ada):
    ada.phone = ""
    ada.birth_date = None
    ada.save()
    later, sooner = visit_in(ada, days=9), visit_in(ada, days=2)
    visit_in(ada, days=1, state="confirmed")
    results_for(ada, lab_test__name="Lipid panel")
    order = OrderFactory(patient=ada, state="awaiting_requirements")
    unpaid = OrderFactory(patient=ada, state="awaiting_payment")
    answer = at_portal(ada).get(HOME)
    first, second, *rest = answer.context["todos"]
    assert [first.due, second.due] == [sooner.starts_at, later.starts_at]
    assert {(todo.title, todo.why, todo.due) for todo in rest} == {
        ("Complete your details", "We do not have your phone number and your date of birth yet.", None),
        ("Look at your new results: Lipid panel", "They were released to you.", None),
        (
            f"Send us what order {order.number} needs",
            "Something is missing that only you can give us, so the order waits.",
            None,
        ),
        (
            f"Settle the payment of order {unpaid.number}",
            "The payment did not go through, so the order waits.",
            None,
        ),
    }
    assert text_of(answer).index("What you can do now") < text_of(answer).index("Your next visits")


def test_only_the_nearest_visits_are_asked_about(at_portal, ada):
    for days in range(1, 8):
        visit_in(ada, days=days)
    answer = at_portal(ada).get(HOME)
    assert len(todos(answer)) == 3
    assert len(panel(answer, "Your next visits")) == 3


def test_results_are_new_until_they_were_opened(at_portal, ada, lena, nia):
    report = results_for(ada)
    client = at_portal(ada)
    page = reverse("portal:report", args=[report.pk])
    assert todos(client.get(HOME)) == ["Look at your new results: Lipid panel"]
    assert [card.is_new for card in panel(client.get(HOME), "Recent results")] == [True]
    client.get(page)
    assert todos(client.get(HOME)) == []
    assert [card.is_new for card in panel(client.get(HOME), "Recent results")] == [False]


@pytest.mark.parametrize("kind", ["staff", "patient"])
def test_somebody_elses_look_is_not_the_patients(at_portal, ada, kind, nia):
    """Nia's, or that of whoever signs in to a record which was merged into Ada's."""
    report = results_for(ada)
    AuditEntry.objects.create(
        actor_kind=kind, actor_id=str(nia.pk), act="view", subject_type="labs.Report",
        subject_ids=[str(report.pk)], patient_id=ada.pk,
    )  # fmt: skip
    assert todos(at_portal(ada).get(HOME)) == ["Look at your new results: Lipid panel"]


def test_results_that_were_read_stay_read_when_records_are_merged(at_portal, ada, ben, system):
    first, client = results_for(ada), at_portal(ada)
    client.get(reverse("portal:report", args=[first.pk]))
    Patient.objects.get(pk=ada.pk).perform("merge", by=system, into=ben)
    assert todos(client.get(HOME)) == []
    second = results_for(ben)
    client.get(reverse("portal:report", args=[second.pk]))
    ben.perform("merge", by=system, into=PatientFactory())
    answer = client.get(HOME)
    assert todos(answer) == []
    assert [card.report for card in panel(answer, "Recent results")] == [second, first]


def test_corrected_results_are_new_again(at_portal, ada, system):
    report, client = results_for(ada), at_portal(ada)
    client.get(reverse("portal:report", args=[report.pk]))
    report.perform("correct", by=system)
    assert todos(client.get(HOME)) == ["Look at your corrected results: Lipid panel"]
    client.get(reverse("portal:report", args=[report.pk]))
    assert todos(client.get(HOME)) == []


def test_what_the_clinic_writes_beside_corrected_results_is_no_correction(at_portal, ada, system):
    report, client = results_for(ada).perform("correct", by=system), at_portal(ada)
    client.get(reverse("portal:report", args=[report.pk]))
    report.notes = "Spoke with the lab"
    report.save()
    answer = client.get(HOME)
    assert todos(answer) == []
    assert [card.is_new for card in panel(answer, "Recent results")] == [False]
    report.perform("correct", by=system)
    assert todos(client.get(HOME)) == ["Look at your corrected results: Lipid panel"]


def test_corrected_results_take_as_many_queries_for_twenty_as_for_one(at_portal, ada, system):
    client = at_portal(ada)
    client.get(HOME)
    costs = []
    for number in range(1, 21):
        results_for(ada).perform("correct", by=system)
        if number in (1, 20):
            with CaptureQueriesContext(connection) as queries:
                client.get(HOME)
            costs.append(len(queries))
    assert costs[0] == costs[1]


def test_a_critical_value_stands_before_everything_else(at_portal, ada):
    visit_in(ada, hours=1)
    report = ReportFactory(order=LabOrderFactory(patient=ada))
    ResultFactory(report=report, interpretation="critical")
    released(report)
    first, _second = at_portal(ada).get(HOME).context["todos"]
    assert (first.title, first.why, first.urgent) == (
        "Call us about your results: Lipid panel", "One of the values is critical.", True,
    )  # fmt: skip


def test_no_critical_value_is_cut_off_by_newer_results(at_portal, ada):
    critical = []
    for _each in range(4):
        report = ReportFactory(order=LabOrderFactory(patient=ada))
        ResultFactory(report=report, interpretation="critical")
        critical.append(reverse("portal:report", args=[released(report).pk]))
    for _each in range(3):
        results_for(ada)
    answer = at_portal(ada).get(HOME)
    assert [(todo.url, todo.urgent) for todo in answer.context["todos"]] == [
        (url, True) for url in reversed(critical)
    ]


def test_beside_a_critical_value_the_newest_results_are_asked_about(at_portal, ada):
    report = ReportFactory(order=LabOrderFactory(patient=ada))
    ResultFactory(report=report, interpretation="critical")
    released(report)
    _old, _older, *newest = (results_for(ada) for _each in range(4))
    answer = at_portal(ada).get(HOME)
    assert [todo.url for todo in answer.context["todos"]] == [
        reverse("portal:report", args=[each.pk]) for each in (report, *reversed(newest))
    ]


def test_what_was_released_last_is_the_most_recent_however_long_it_was_withheld(at_portal, ada):
    withheld = ReportFactory(order=LabOrderFactory(patient=ada))
    ResultFactory(report=withheld)
    _old, *newer = (results_for(ada) for _each in range(3))
    released(withheld)
    answer = at_portal(ada).get(HOME)
    assert [card.report for card in panel(answer, "Recent results")] == [withheld, *reversed(newer)]
    assert answer.context["todos"][0].url == reverse("portal:report", args=[withheld.pk])


def test_after_a_month_results_are_no_news(at_portal, ada, travel):
    results_for(ada)
    client = at_portal(ada)
    travel(timedelta(days=31))
    assert todos(client.get(HOME)) == []


def test_orders_that_ended_are_not_under_way(at_portal, ada):
    for state in ("shipped", "cancelled"):
        OrderFactory(patient=ada, state=state)
    current = OrderFactory(patient=ada, state="awaiting_script")
    assert [card.order for card in panel(at_portal(ada).get(HOME), "Orders under way")] == [current]


def test_the_page_takes_as_many_queries_for_twenty_as_for_one(at_portal, ada):
    client = at_portal(ada)
    client.get(HOME)
    costs = []
    for number in range(1, 21):
        visit_in(ada, days=number)
        OrderFactory(patient=ada, state="awaiting_requirements", lines=2)
        results_for(ada)
        if number in (1, 20):
            with CaptureQueriesContext(connection) as queries:
                client.get(HOME)
            costs.append(len(queries))
    assert costs[0] == costs[1] <= 24


def test_one_entry_per_kind_says_what_was_listed(at_portal, ada):
    visit, order, report = visit_in(ada, days=2), OrderFactory(patient=ada), results_for(ada)
    at_portal(ada).get(HOME)
    listed = AuditEntry.objects.filter(act="list").values_list("subject_type", "subject_ids", "patient_id")
    assert sorted(listed) == [
        ("labs.Report", [str(report.pk)], ada.pk),
        ("orders.Order", [str(order.pk)], ada.pk),
        ("patients.Appointment", [str(visit.pk)], ada.pk),
    ]


def test_another_app_adds_something_to_do_and_this_page_learns_nothing_new(at_portal, ada, monkeypatch):
    from careops.surfaces import portal_home

    monkeypatch.setattr(portal_home, "_todo_sources", [*portal_home._todo_sources])

    @portal_home.todo_source
    def survey(page):
        yield portal_home.Todo(
            title="Answer five questions", why="We ask once.", action="Start", url="/survey/"
        )

    assert todos(at_portal(ada).get(HOME)) == ["Answer five questions"]


@pytest.mark.parametrize(
    ("lost", "page"),
    [
        ("patients.view_appointment", "portal:visits"),
        ("orders.view_order", "portal:orders"),
        ("labs.view_report", "portal:reports"),
        ("patients.edit_contact_patient", "portal:details"),
    ],
)
def test_what_the_role_of_patients_does_not_hold_is_neither_shown_nor_opened(
    at_portal, ada, monkeypatch, lost, page
):
    visit_in(ada, days=2)
    OrderFactory(patient=ada)
    results_for(ada)
    monkeypatch.setattr("careops.access.actor.PATIENT", PATIENT - {lost})
    client = at_portal(ada)
    assert client.get(reverse(page)).status_code == 403
    home = client.get(HOME)
    assert home.status_code == 200
    app = lost.split(".")[0]
    shown = set(AuditEntry.objects.values_list("subject_type", flat=True))
    assert not {label for label in shown if f"{app}.view_{label.split('.')[1].lower()}" == lost}
