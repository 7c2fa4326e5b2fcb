"""Looking at patients' records: what a list tells, and what is written down about it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from careops.access.models import AuditEntry
from tests.factories.patients import TaskFactory
from tests.surfaces.support import page

pytestmark = pytest.mark.django_db


def entries():
    return AuditEntry.objects.order_by("id")


def test_opening_a_patient_writes_exactly_one_entry(at_desk, nia, ada):
    client = at_desk(nia)
    client.get(page(ada))
    entry = entries().get()
    assert (entry.act, entry.actor_kind, entry.actor_id) == ("view", "staff", str(nia.pk))
    assert (entry.subject_type, entry.subject_ids, entry.patient_id) == (
        "patients.Patient", [str(ada.pk)], ada.pk,
    )  # fmt: skip


def test_opening_what_is_about_a_patient_names_the_patient(at_desk, nia, ada):
    task = TaskFactory(patient=ada)
    at_desk(nia).get(page(task))
    assert entries().get().patient_id == ada.pk


def test_a_list_writes_the_ids_it_shows(at_desk, nia, ada, ben):
    at_desk(nia).get(reverse("admin:patients_patient_changelist"))
    entry = entries().get()
    assert entry.act == "list"
    assert set(entry.subject_ids) == {str(ada.pk), str(ben.pk)}


def test_an_empty_list_and_a_refused_page_write_nothing(at_desk, nia, root):
    at_desk(nia).get(reverse("admin:patients_patient_changelist"))
    at_desk(nia).get(reverse("admin:workflows_endpoint_changelist"))
    assert not entries().exists()


def test_what_concerns_no_patient_is_not_written_down(at_desk, root):
    from tests.factories.patients import ClinicFactory

    at_desk(root).get(page(ClinicFactory()))
    assert not entries().exists()


def test_a_timeline_of_its_own_is_a_look_too(at_desk, nia, ada):
    at_desk(nia).get(page(ada, "timeline"))
    assert [entry.act for entry in entries()] == ["view"]


@pytest.mark.parametrize(
    "guess",
    [
        "description__icontains=HIV", "description__regex=^H", "title__startswith=C", "patient__last_name=Abara",
        "patient__birth_date__gte=1960-01-01", "assignee__password__startswith=a", "state__regex=o",
        "id__gte=0", "checklist__0__text=x", "origin=", "state__contains=o",
    ],
)  # fmt: skip
def test_an_address_cannot_ask_for_what_the_list_does_not_declare(at_desk, nia, guess):
    TaskFactory(description="HIV test")
    answer = at_desk(nia).get(reverse("admin:patients_task_changelist") + "?" + guess)
    assert answer.status_code == 400


def test_declared_narrowings_work(at_desk, nia):
    kept = TaskFactory()
    answer = at_desk(nia).get(reverse("admin:patients_task_changelist") + "?state__exact=open")
    assert [record.pk for record in answer.context["cl"].result_list] == [kept.pk]
