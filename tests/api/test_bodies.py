"""What may be written: named fields, of the right kind, that the record agrees with. Nothing else gets in."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from patients.models import Appointment, Task
from tests.api.support import PROBLEM, Caller
from tests.factories.patients import AppointmentFactory, TaskFactory
from workflows.catalogue import Conflict
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

TASKS, VISITS = "/api/v1/tasks/", "/api/v1/appointments/"


def complaints(response: Any) -> dict[str, str]:
    assert (response.status_code, response["Content-Type"]) == (400, PROBLEM)
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


@pytest.mark.parametrize(
    "name", ["state", "version", "id", "created_at", "updated_at", "completed_at", "about_id"]
)
def test_what_the_record_keeps_by_itself_cannot_be_written(partner: Caller, name: str) -> None:
    task = TaskFactory()
    for answer in (
        partner.post(TASKS, {"title": "Call", name: "completed"}),
        partner.patch(f"{TASKS}{task.pk}/", {"title": "Call", name: "completed"}),
    ):
        assert complaints(answer) == {f"/{name}": "This field cannot be written."}
    kept = Task.objects.get()
    assert (kept.state, kept.version, kept.title) == ("open", 1, "Call back")


def test_unknown_fields_are_refused_by_name(partner: Caller) -> None:
    answer = partner.post(TASKS, {"title": "Call", "is_superuser": True, "a/b~c": 1})
    assert complaints(answer) == {
        "/is_superuser": "There is no field of this name.",
        "/a~1b~0c": "There is no field of this name.",
    }
    assert Task.objects.count() == 0


def test_what_is_given_once_is_never_changed(partner: Caller) -> None:
    visit = AppointmentFactory()
    answer = partner.patch(f"{VISITS}{visit.pk}/", {"starts_at": "2026-05-01T10:00:00Z"})
    assert complaints(answer) == {"/starts_at": "This field cannot be written."}
    assert Appointment.objects.get().starts_at == visit.starts_at


def test_the_record_has_the_last_word(partner: Caller) -> None:
    visit = AppointmentFactory(practitioner__active=False)
    answer = partner.post(
        VISITS,
        {
            "patient": str(visit.patient_id),
            "practitioner": str(visit.practitioner_id),
            "starts_at": "2026-05-01T10:00:00Z",
            "ends_at": "2026-05-01T10:30:00Z",
        },
    )
    assert complaints(answer) == {"/practitioner": "This practitioner takes no appointments."}
    answer = partner.post(TASKS, {"title": "Call", "checklist": [{"text": "x"}]})
    assert complaints(answer) == {"/checklist": "Write the list as [{“text”: “Call back”, “done”: false}]."}
    assert (Appointment.objects.count(), Task.objects.count()) == (1, 0)


def test_an_edit_writes_the_named_fields_only(partner: Caller) -> None:
    task = TaskFactory(description="Old")
    answer = partner.patch(f"{TASKS}{task.pk}/", {"title": "Call again"})
    assert (answer.status_code, answer.json()["version"], answer["ETag"]) == (200, 2, '"2"')
    kept = Task.objects.get()
    assert (kept.title, kept.description) == ("Call again", "Old")
    told = EventRecord.objects.get(name="task.updated")
    assert told.data == {"changed": ["title"]}
    assert (told.actor_kind, told.actor_id) == ("integrator", str(partner.key.pk))
    assert str(told.correlation_id) == answer["X-Request-ID"]


def test_an_edit_of_nothing_changes_nothing(partner: Caller) -> None:
    task = TaskFactory()
    answer = partner.patch(f"{TASKS}{task.pk}/", {"title": task.title})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert not EventRecord.objects.filter(name="task.updated").exists()


def test_a_conflict_is_a_conflict(partner: Caller, monkeypatch: Any) -> None:
    task = TaskFactory()

    def beaten(self: Task, **kwargs: Any) -> None:
        raise Conflict(str(self))

    monkeypatch.setattr(Task, "save", beaten)
    answer = partner.patch(f"{TASKS}{task.pk}/", {"title": "Mine"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:careops:problem:conflict")
    assert Task.objects.get().title == "Call back"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"title": "a\x00b"}, "/title"),
        ({"title": "x", "checklist": [{"text": "\x00", "done": False}]}, "/checklist/0/text"),
        ({"title": "x", "a/b~c": "\x00"}, "/a~1b~0c"),
        ({"ti\x00tle": "x"}, ""),
        ('{"title": "\\ud800"}', "/title"),
    ],
)
def test_characters_that_cannot_be_stored_are_refused(partner: Caller, body: Any, pointer: str) -> None:
    answer = partner.post(TASKS, body)
    assert complaints(answer) == {pointer: "This holds a character that is no text."}
    assert Task.objects.count() == 0


@pytest.mark.parametrize(
    "body", ["{", "", "nope", '{"title": NaN}', "[" * 100_000, b"\xff\xfe".decode("latin-1")]
)
def test_what_is_no_json_is_refused(partner: Caller, body: str) -> None:
    answer = partner.post(TASKS, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM)
    assert Task.objects.count() == 0


@pytest.mark.parametrize(
    "body", ['{"title": "a", "title": "b"}', '{"title": "a", "checklist": [{"text": "a", "text": "b"}]}']
)
def test_a_name_given_twice_is_refused(partner: Caller, body: str) -> None:
    assert complaints(partner.post(TASKS, body)) == {"": "A name is given twice in one object."}
    assert Task.objects.count() == 0


@pytest.mark.parametrize("body", ["[]", '"text"', "1", "null", "true", "[{}]"])
def test_a_body_is_an_object(partner: Caller, body: str) -> None:
    assert partner.post(TASKS, body).status_code == 400
    task = TaskFactory()
    assert partner.patch(f"{TASKS}{task.pk}/", body).status_code == 400


@pytest.mark.parametrize("value", [{"a": 1}, ["x"], 12.5, True, None, "x" * 201])
def test_a_value_of_the_wrong_kind_is_refused(partner: Caller, value: Any) -> None:
    answer = partner.patch(f"{TASKS}{TaskFactory().pk}/", {"title": value})
    assert answer.status_code in (200, 400) if value == 12.5 else answer.status_code == 400


@pytest.mark.parametrize("value", ["x", 1, {"a": 1}, [1], True, "00000000-0000-0000-0000-00000000000"])
def test_a_reference_is_an_id(partner: Caller, value: Any) -> None:
    answer = partner.post(TASKS, {"title": "Call", "patient": value})
    assert answer.status_code == 400
    assert list(complaints(answer)) == ["/patient"]


def test_no_serializer_shows_a_column_it_does_not_name() -> None:
    """And none lets anybody write what the model keeps to itself."""
    from careops.api import router

    assert len(router.registry) >= 10
    for _prefix, viewset, _name in router.registry:
        meta = viewset.serializer_class.Meta
        assert isinstance(meta.fields, tuple), viewset
        model = apps.get_model(viewset.queryset.model._meta.label)
        uneditable = {
            field.name for field in model._meta.concrete_fields if not field.editable or field.primary_key
        }
        writable = {name for name, field in viewset.serializer_class().fields.items() if not field.read_only}
        assert not writable & (uneditable | {"state", "version"}), viewset
