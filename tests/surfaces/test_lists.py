"""Lists of the staff area in front of a crowd: counted so far and no further, found by index, as many queries as ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from unfold.templatetags import unfold_list

from careops.access.models import AuditEntry
from careops.lib.lists import badge
from careops.lib.paging import BoundedPaginator, off_the_index
from labs.models import LabOrder, Report, Requisition
from orders.models import Order
from patients.models import Appointment, Message, Patient, Task
from tests.factories.labs import LabOrderFactory, ReportFactory, RequisitionFactory
from tests.factories.orders import OrderFactory
from tests.factories.patients import (
    AppointmentFactory,
    ClinicFactory,
    MessageFactory,
    PatientFactory,
    TaskFactory,
)
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

#: A list that is searched by its patient → what makes one row of it.
OF_PATIENTS = {
    Appointment: AppointmentFactory,
    Task: TaskFactory,
    Message: MessageFactory,
    Order: OrderFactory,
    LabOrder: LabOrderFactory,
    Report: ReportFactory,
    Requisition: RequisitionFactory,
}
MAKERS = {Patient: PatientFactory, **OF_PATIENTS}


def address(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def shown(answer: Any) -> list[Any]:
    assert answer.status_code == 200
    return [row.pk for row in answer.context_data["cl"].result_list]


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def three_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two rows, counted up to three."""
    monkeypatch.setattr(BoundedPaginator, "most", 3)
    for model in (Task, Patient):
        monkeypatch.setattr(admin.site._registry[model], "list_per_page", 2)


# ── Counting ──────────────────────────────────────────────────────────────────────────────────────────────
def test_a_long_list_says_that_there_is_more(at_desk: Any, root: Any, three_at_most: None) -> None:
    newest = [TaskFactory().pk for _number in range(4)][::-1]
    answer = at_desk(root).get(address(Task))
    listed = answer.context_data["cl"]
    assert shown(answer) == newest[:2]
    assert (listed.result_count, listed.paginator.num_pages, listed.paginator.has_more) == (3, 2, True)
    assert "more than 3 tasks" in text(answer)
    assert "3 results" not in text(answer)


def test_a_list_of_just_as_many_is_counted(at_desk: Any, root: Any, three_at_most: None) -> None:
    newest = [TaskFactory().pk for _number in range(3)][::-1]
    client = at_desk(root)
    assert shown(client.get(address(Task), {"p": 2})) == newest[2:]
    answer = client.get(address(Task))
    assert " 3 tasks " in text(answer)
    assert "more than" not in text(answer)


def test_the_pages_end_where_the_count_does(at_desk: Any, root: Any, three_at_most: None) -> None:
    newest = [TaskFactory().pk for _number in range(9)][::-1]
    client = at_desk(root)
    last = client.get(address(Task), {"p": 2})
    assert shown(last) == newest[2:3]
    assert "more than 3 tasks: search or filter to see the others" in text(last)
    assert "search or filter" not in text(client.get(address(Task)))
    assert client.get(address(Task), {"p": 3}).headers["Location"].endswith("?e=1")


def test_the_bound_is_written_as_people_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedPaginator, "most", 1_000)
    assert BoundedPaginator([], 50).bound == "1,000"


def test_no_query_of_a_list_is_without_an_end(at_desk: Any, root: Any, three_at_most: None) -> None:
    xu = PatientFactory(last_name="Xu")
    for _number in range(5):
        TaskFactory(patient=xu)
    client = at_desk(root)
    with CaptureQueriesContext(connection) as asked:
        client.get(address(Task), {"q": "xu"})
        client.get(address(Task))
    ours = [query["sql"] for query in asked if 'FROM "patients_task"' in query["sql"]]
    assert len(ours) == 4
    assert [sql for sql in ours if "COUNT(" in sql and "LIMIT 4" in sql] == ours[::2]
    assert all("LIMIT 2" in sql for sql in ours[1::2])


def test_pages_of_found_rows_follow_each_other(at_desk: Any, root: Any, three_at_most: None) -> None:
    """By first name, then by number; a page neither skips nor repeats."""
    names = ["Cleo", "Abe", "Bea"]
    ids = {name: PatientFactory(first_name=name, last_name="Xu").pk for name in names}
    client = at_desk(root)
    pages = [shown(client.get(address(Patient), {"q": "xu", "p": number})) for number in (1, 2)]
    assert pages == [[ids["Abe"], ids["Bea"]], [ids["Cleo"]]]
    backwards = [
        shown(client.get(address(Patient), {"q": "xu", "o": "-1", "p": number})) for number in (1, 2)
    ]
    by_number = list(Patient.objects.filter(last_name="Xu").order_by("-mrn").values_list("pk", flat=True))
    assert backwards == [by_number[:2], by_number[2:]]


# ── Drawing ───────────────────────────────────────────────────────────────────────────────────────────────
def test_headings_are_worked_out_once_for_all_rows(
    at_desk: Any, root: Any, ada: Any, ben: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = unfold_list.label_for_field
    monkeypatch.setattr(
        unfold_list,
        "label_for_field",
        lambda name, *rest, **more: asked.append(name) or real(name, *rest, **more),
    )
    listed = at_desk(root).get(address(Patient)).content.decode()
    assert sorted(asked) == sorted(set(asked))
    assert "full_name" in asked
    assert listed.count('data-label="date of birth"') == 2


def test_a_rows_page_leads_back_to_the_list_as_it_was(at_desk: Any, root: Any, ada: Any) -> None:
    client = at_desk(root)
    page = reverse("admin:patients_patient_change", args=[ada.pk])
    assert f'<a href="{page}"' in client.get(address(Patient)).content.decode()
    found = client.get(address(Patient), {"q": "aba", "state__exact": "registered"}).content.decode()
    assert f'<a href="{page}?_changelist_filters=q%3Daba%26state__exact%3Dregistered"' in found
    row = EventRecord.objects.order_by("-pk")[0]
    event = reverse("admin:workflows_eventrecord_change", args=[row.pk])
    assert f'<a href="{event}"' in client.get(address(EventRecord)).content.decode()


def test_a_filter_draws_its_choices_as_links_and_marks_the_one_in_force(
    at_desk: Any, root: Any, ada: Any
) -> None:
    clinic = PatientFactory(clinic=ClinicFactory(name="North <b> & South")).clinic
    drawn = at_desk(root).get(address(Patient), {"q": "aba", "state__exact": "registered"}).content.decode()
    inside = drawn[drawn.index("changelist-filter") :]
    assert f'href="?clinic__id__exact={clinic.pk}&amp;q=aba&amp;state__exact=registered"' in inside
    assert inside.count("North &lt;b&gt; &amp; South") == 2
    assert inside.count("font-semibold text-primary-600") == 2  # one in each filter that has a choice
    assert '<input type="hidden" name="state__exact" value="registered">' in inside
    assert inside.count('type="hidden"') == 1


def test_a_filter_of_yes_and_no_stands_side_by_side(at_desk: Any, root: Any) -> None:
    drawn = at_desk(root).get(reverse("admin:access_user_changelist")).content.decode()
    assert drawn.count("basis-1/3") >= 3


def test_a_label_has_the_colour_of_its_state() -> None:
    drawn = [badge(text, tone) for text, tone in [("late", "danger"), ("late", "success"), ("<b>", "danger")]]
    assert [("late" in label, "bg-red-100" in label, "bg-green-100" in label) for label in drawn] == [
        (True, True, False),
        (True, False, True),
        (False, True, False),
    ]
    assert "&lt;b&gt;" in drawn[2]


# ── Finding ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("model", OF_PATIENTS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("term", ["aba", "ADA", "ada aba", "Abara  Ada"])
def test_found_by_the_patients_names_in_any_order(
    at_desk: Any, root: Any, ada: Any, ben: Any, model: Any, term: str
) -> None:
    adas, bens = (_of(model, patient) for patient in (ada, ben))
    client = at_desk(root)
    assert shown(client.get(address(model), {"q": term})) == [adas.pk]
    assert set(shown(client.get(address(model), {"q": " "}))) == {adas.pk, bens.pk}
    assert shown(client.get(address(model), {"q": "bara"})) == []


def _of(model: Any, patient: Any) -> Any:
    if model in (Report, Requisition):
        return OF_PATIENTS[model](order=LabOrderFactory(patient=patient))
    return OF_PATIENTS[model](patient=patient)


@pytest.mark.parametrize("model", [Appointment, Task, Message, Order], ids=lambda model: model.__name__)
def test_found_by_the_patients_record_number(at_desk: Any, root: Any, model: Any) -> None:
    mine = PatientFactory(mrn="7KQ2-M9TD")
    row, _other = MAKERS[model](patient=mine), MAKERS[model](patient=PatientFactory(mrn="7KQ3-0000"))
    assert shown(at_desk(root).get(address(model), {"q": "7kq2-m9"})) == [row.pk]


@pytest.mark.parametrize(("model", "column"), [(Report, "specimen_number"), (Requisition, "number")])
def test_found_by_the_number_on_it_and_by_no_part_of_that(
    at_desk: Any, root: Any, model: Any, column: str
) -> None:
    row = OF_PATIENTS[model](**{column: "SP-2041"})
    OF_PATIENTS[model](**{column: "SP-20"})
    client = at_desk(root)
    assert shown(client.get(address(model), {"q": " SP-2041"})) == [row.pk]
    assert shown(client.get(address(model), {"q": "SP-204"})) == []


def test_nothing_found_says_so(at_desk: Any, root: Any, ada: Any) -> None:
    answer = at_desk(root).get(address(Patient), {"q": "zzz"})
    assert "No results found" in text(answer)
    assert "0 patients" in text(answer)


# ── By index ──────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def plan(db: None) -> Callable[[Any], str]:
    """How PostgreSQL would find these rows if there were so many that it must neither read nor sort them all."""

    def plan(rows: Any) -> str:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
        return rows.explain()

    return plan


@pytest.mark.parametrize("column", ["last_name", "first_name", "email", "mrn"])
def test_a_beginning_is_found_by_index_in_every_collation(plan: Any, column: str) -> None:
    found = plan(Patient.objects.filter(**{f"{column}__istartswith": "smi"}).order_by())
    assert f"patient_{column}_begins" in found
    assert "~>=~ 'SMI'" in found


@pytest.mark.parametrize(
    ("model", "index"),
    [
        (LabOrder, "labs_order_newest"),
        (Report, "labs_report_newest"),
        (Requisition, "labs_requisition_newest"),
    ],
)
def test_the_newest_come_first_without_sorting(plan: Any, model: Any, index: str) -> None:
    found = plan(model.objects.all()[:50])
    assert index in found
    assert "Sort" not in found


def test_people_who_are_found_are_sorted_instead_of_met_on_a_walk(
    plan: Any, at_desk: Any, root: Any, ada: Any
) -> None:
    client = at_desk(root)

    def listed(**asked: str) -> Any:
        return client.get(address(Patient), asked).context_data["cl"].queryset

    assert "patient_by_name" in plan(listed()[:25])
    assert "patient_by_name" in plan(listed(q=" ")[:25])
    assert "patient_by_name" not in plan(listed(q="a")[:25])
    assert "Sort" in plan(listed(q="a")[:25])


def test_an_order_by_something_else_stays_what_it_is(ada: Any) -> None:
    for order in (["-practitioner", "pk"], ["practitioner__last_name"], ["?"]):
        assert off_the_index(Patient.objects.order_by(*order)).query.order_by == tuple(order)


# ── Queries ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model.__name__)
def test_twenty_found_cost_what_one_costs(at_desk: Any, root: Any, ada: Any, model: Any) -> None:
    client = at_desk(root)

    def cost(**asked: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address(model), asked).status_code == 200
        return len(queries)

    def make() -> None:
        MAKERS[model](last_name="Xu") if model is Patient else _of(model, PatientFactory(last_name="Xu"))

    make()
    cost()
    one = (cost(), cost(q="xu"))
    assert one[0] == one[1]
    for _number in range(19):
        make()
    assert (cost(), cost(q="xu")) == one


def test_picking_a_patient_asks_once_how_many_and_once_who(at_desk: Any, root: Any, ada: Any) -> None:
    asked = {"app_label": "patients", "model_name": "appointment", "field_name": "patient", "term": "aba"}
    client = at_desk(root)
    client.get(reverse("admin:patients_patient_choices"), asked)
    with CaptureQueriesContext(connection) as queries:
        client.get(reverse("admin:patients_patient_choices"), asked)
    assert len([query for query in queries if 'FROM "patients_patient"' in query["sql"]]) == 2
    assert AuditEntry.objects.filter(act="list", subject_ids=[str(ada.pk)]).count() == 2
