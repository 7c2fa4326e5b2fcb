"""Two people at one record: nobody's work is lost, and whoever is too late is told."""

from __future__ import annotations

import pytest

from careops.access.actor import Actor
from patients.models import Patient
from tests.factories.patients import TaskFactory
from tests.surfaces.support import filled_in, page
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db


def events_of(record, name):
    return EventRecord.objects.filter(subject_id=record.pk, name=name)


def test_an_edit_writes_what_the_person_changed_and_says_who(at_desk, nia, ada):
    client = at_desk(nia)
    form = filled_in(client.get(page(ada)), phone="+1 212 555 0123")

    assert client.post(page(ada), form).status_code == 302

    assert Patient.objects.get(pk=ada.pk).phone == "+1 212 555 0123"
    told = events_of(ada, "patient.contact_updated").get()
    assert told.data == {"changed": ["phone"]}
    assert (told.actor_kind, told.actor_id) == ("staff", str(nia.pk))


def test_an_untouched_form_writes_nothing(at_desk, nia, ada):
    client = at_desk(nia)

    assert client.post(page(ada), filled_in(client.get(page(ada)))).status_code == 302

    assert not events_of(ada, "customer.updated").exists()
    assert Patient.objects.get(pk=ada.pk).version == ada.version


def test_two_stale_forms_that_change_different_fields_both_count(at_desk, nia, omar, ada):
    first, second = at_desk(nia), at_desk(omar)
    from_nia = filled_in(first.get(page(ada)), phone="+1 212 555 0001")
    from_omar = filled_in(second.get(page(ada)), city="Boston")

    assert first.post(page(ada), from_nia).status_code == 302
    assert second.post(page(ada), from_omar).status_code == 302

    now = Patient.objects.get(pk=ada.pk)
    assert (now.phone, now.city) == ("+1 212 555 0001", "Boston")


def test_the_same_field_changed_twice_is_an_error_there_and_writes_nothing(at_desk, nia, omar, ada):
    first, second = at_desk(nia), at_desk(omar)
    stale = filled_in(second.get(page(ada)), phone="+1 212 555 0002", city="Boston")
    first.post(page(ada), filled_in(first.get(page(ada)), phone="+1 212 555 0001"))

    refused = second.post(page(ada), stale)

    assert refused.status_code == 200
    errors = refused.context["adminform"].form.errors
    assert set(errors) == {"phone"}
    assert "+1 212 555 0001" in errors["phone"][0]
    now = Patient.objects.get(pk=ada.pk)
    assert (now.phone, now.city) == ("+1 212 555 0001", ada.city)

    # Told of it, the person may insist: the page now knows that they have seen the other value.
    assert second.post(page(ada), filled_in(refused)).status_code == 302
    now = Patient.objects.get(pk=ada.pk)
    assert (now.phone, now.city) == ("+1 212 555 0002", "Boston")


def test_both_writing_the_same_is_no_conflict(at_desk, nia, omar, ada):
    first, second = at_desk(nia), at_desk(omar)
    stale = filled_in(second.get(page(ada)), phone="+1 212 555 0001")
    first.post(page(ada), filled_in(first.get(page(ada)), phone="+1 212 555 0001"))

    assert second.post(page(ada), stale).status_code == 302
    assert events_of(ada, "patient.contact_updated").count() == 1


def test_an_edit_and_a_transition_meanwhile_are_both_kept(at_desk, nia, ada):
    client = at_desk(nia)
    stale = filled_in(client.get(page(ada)), phone="+1 212 555 0003")
    ada.perform("onboard", by=Actor.system())

    assert client.post(page(ada), stale).status_code == 302

    now = Patient.objects.get(pk=ada.pk)
    assert (now.state, now.phone) == ("onboarded", "+1 212 555 0003")
    assert events_of(ada, "patient.onboarded").count() == 1


def test_an_error_elsewhere_does_not_make_a_change_forgotten(at_desk, nia, omar, ada):
    """The form is shown again with what the person typed; sent once more, it still counts as their change."""
    first, second = at_desk(nia), at_desk(omar)
    broken = filled_in(first.get(page(ada)), phone="+1 212 555 0004", email="no address")
    shown_again = first.post(page(ada), broken)
    assert shown_again.status_code == 200
    second.post(page(ada), filled_in(second.get(page(ada)), city="Boston"))

    assert first.post(page(ada), filled_in(shown_again, email="ada@mail.example")).status_code == 302

    now = Patient.objects.get(pk=ada.pk)
    assert (now.phone, now.city) == ("+1 212 555 0004", "Boston")


def test_split_times_and_line_ends_count_as_unchanged(at_desk, nia):
    from datetime import UTC, datetime

    task = TaskFactory(due_at=datetime(2026, 3, 10, 18, 0, 31, 123456, tzinfo=UTC), description="One\nTwo")
    client = at_desk(nia)
    form = filled_in(client.get(page(task)))

    assert client.post(page(task), form | {"description": "One\r\nTwo"}).status_code == 302

    assert not events_of(task, "task.updated").exists()


def test_a_time_changed_twice_is_a_conflict(at_desk, nia, omar):
    from datetime import UTC, datetime

    task = TaskFactory(due_at=datetime(2026, 3, 10, 18, 0, tzinfo=UTC))
    client = at_desk(nia)
    stale = filled_in(client.get(page(task)), due_at_0="2026-03-12", due_at_1="09:00:00")
    task.due_at = datetime(2026, 3, 11, 18, 0, tzinfo=UTC)
    task.save()

    refused = client.post(page(task), stale)

    assert set(refused.context["adminform"].form.errors) == {"due_at"}


def test_a_refusal_of_the_record_is_a_message_and_no_error_page(at_desk, nia, ada, monkeypatch):
    from workflows.catalogue import Conflict

    def refuse(*args, **kwargs):
        raise Conflict(str(ada))

    client = at_desk(nia)
    form = filled_in(client.get(page(ada)), phone="+1 212 555 0005")
    monkeypatch.setattr(Patient, "save", refuse)

    response = client.post(page(ada), form, follow=True)

    assert response.redirect_chain == [(page(ada), 302)]
    assert "changed by somebody else" in str(next(iter(response.context["messages"])))
    assert "Abara" not in str(next(iter(response.context["messages"])))


def test_nobody_edits_without_the_permission(at_desk, lena, ada):
    client = at_desk(lena)
    assert client.get(page(ada)).status_code == 200
    assert client.post(page(ada), {"phone": "+1 212 555 0006"}).status_code == 403
    assert Patient.objects.get(pk=ada.pk).phone == ada.phone


def test_nothing_is_deleted(at_desk, root, ada):
    client = at_desk(root)
    assert client.post(page(ada, "delete"), {"post": "yes"}).status_code == 403
    actions = {"action": "delete_selected", "_selected_action": [str(ada.pk)], "post": "yes"}
    client.post(page(ada).removesuffix(f"{ada.pk}/change/"), actions)
    assert Patient.objects.filter(pk=ada.pk).exists()


def test_a_new_record_s_page_shows_no_values_that_are_not_there_yet(at_desk, root):
    html = at_desk(root).get("/admin/orders/order/add/").content.decode()
    assert "DatabaseDefault" not in html
    assert "state_entered_at" not in html
