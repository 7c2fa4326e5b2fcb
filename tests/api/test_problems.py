"""Every refusal under /api/ has the one shape, whoever refuses; a failure tells nothing about itself."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from careops.access.models import AuditEntry, IdempotencyRecord
from patients.api.task import TaskViewSet
from tests.api.support import PROBLEM, Caller
from tests.factories.patients import TaskFactory
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

TASKS = "/api/v1/tasks/"


def shape(answer: Any, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer["Content-Type"]) == (status, PROBLEM), answer.content
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert set(body) <= {"type", "title", "status", "detail", "errors", "state", "legal", "newest"}
    uuid.UUID(answer["X-Request-ID"])
    return body


@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api/v1/",
        "/api/v2/tasks/",
        "/api/v1/tasks",
        "/api/v1/tasks/x/",
        f"{TASKS}0b9a1c52-6f0e-4c3e-9d5a-1f2e3d4c5b6a",
    ],
)
def test_an_unknown_address(partner: Caller, path: str) -> None:
    body = shape(partner.get(path), 404)
    assert body["detail"] == "There is nothing here, or nothing that you may see."


@pytest.mark.parametrize(
    "path",
    ["/api/v1/tasks", "/api/v1/nothing/", f"{TASKS}0b9a1c52-6f0e-4c3e-9d5a-1f2e3d4c5b6a/transitions/nope/"],
)
def test_a_post_to_an_unknown_address_is_not_told_of_csrf(partner: Caller, path: str) -> None:
    partner.client = Client(enforce_csrf_checks=True)
    shape(partner.post(path, {"title": "Call"}), 404)
    shape(partner.client.post("/api/schema/"), 405)


@pytest.mark.parametrize("method", ["put", "delete", "options", "trace"])
def test_a_method_nobody_offers(partner: Caller, method: str) -> None:
    url = f"{TASKS}{TaskFactory().pk}/"
    answer = getattr(partner.client, method)(url, headers=partner._headers({}))
    shape(answer, 405)
    assert answer["Allow"] == "GET, HEAD, PATCH"
    assert b"Call back" not in answer.content


def test_so_does_the_description_say_what_is_allowed(client: Client) -> None:
    for path in ("/api/schema/", "/api/docs/"):
        answer = client.options(path)
        shape(answer, 405)
        assert answer["Allow"] == "GET, HEAD"


def test_options_tell_nothing(partner: Caller) -> None:
    answer = partner.client.options(TASKS, headers=partner._headers({}))
    assert set(shape(answer, 405)) == {"type", "title", "status", "detail"}


def test_json_only(partner: Caller) -> None:
    shape(partner.get(TASKS, Accept="text/html"), 406)
    headers = partner._headers({"Idempotency-Key": "k"})
    shape(
        partner.client.post(
            TASKS, "title=x", content_type="application/x-www-form-urlencoded", headers=headers
        ),
        415,
    )
    assert partner.get(TASKS, Accept="application/*").status_code == 200


def test_a_body_of_more_than_a_megabyte(partner: Caller) -> None:
    shape(partner.post(TASKS, '{"title": "' + "x" * 1024 * 1024 + '"}'), 413)


def test_a_body_in_chunks_is_not_taken_for_an_empty_one(partner: Caller) -> None:
    task = TaskFactory()
    headers = partner._headers({"Idempotency-Key": "k", "Transfer-Encoding": "chunked"})
    answer = partner.client.generic(
        "POST", f"{TASKS}{task.pk}/transitions/cancel/", b'{"reason": "No longer needed"}',
        content_type="application/json", headers=headers, CONTENT_LENGTH="",
    )  # fmt: skip
    assert shape(answer, 411)["title"] == "Length Required"
    task.refresh_from_db()
    assert (task.state, IdempotencyRecord.objects.count()) == ("open", 0)


@pytest.mark.parametrize("debug", [True, False])
def test_a_failure_of_ours_tells_nothing(
    partner: Caller, monkeypatch: Any, settings: Any, debug: bool
) -> None:
    settings.DEBUG = debug
    partner.client = Client(raise_request_exception=False)
    monkeypatch.setattr(TaskViewSet, "list", lambda *args, **kwargs: {}["secret of the house"])
    body = shape(partner.get(TASKS), 500)
    assert body == {"type": "about:blank", "title": "Internal Server Error", "status": 500}


def test_a_refusal_of_the_framework_itself(client: Client, monkeypatch: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["clinic.example"]
    shape(client.get(TASKS, headers={"Host": "evil.example"}), 400)


def test_a_session_that_ended(nia: Any, at_desk: Any) -> None:
    client = at_desk(nia)
    session = client.session
    session["careops_seen"] = session["careops_started"] = 1
    session.save()
    shape(client.get(TASKS), 401)


def test_the_request_id_is_the_callers_and_the_events(partner: Caller) -> None:
    mine = str(uuid.uuid4())
    answer = partner.post(TASKS, {"title": "Call"}, X_Request_ID=mine)
    assert answer["X-Request-ID"] == mine
    assert str(EventRecord.objects.get(name="task.created").correlation_id) == mine
    assert {
        str(entry.correlation_id) for entry in AuditEntry.objects.filter(subject_type="patients.Task")
    } == {mine}


@pytest.mark.parametrize("given", ["", "x", "1; DROP", "a" * 500])
def test_an_id_that_is_none_is_replaced(partner: Caller, given: str) -> None:
    answer = partner.get(TASKS, X_Request_ID=given)
    assert answer["X-Request-ID"] != given
    uuid.UUID(answer["X-Request-ID"])


def test_nothing_is_kept_by_caches(partner: Caller) -> None:
    for answer in (partner.get(TASKS), partner.get(f"{TASKS}{uuid.uuid4()}/"), Caller("").get(TASKS)):
        assert answer["Cache-Control"] == "no-store"


def test_other_pages_keep_their_shape(client: Client) -> None:
    answer = client.get("/nothing/")
    assert answer["Content-Type"].startswith("text/html")
    assert "X-Request-ID" not in answer


def test_head_answers_like_get_without_its_body(partner: Caller) -> None:
    url = f"{TASKS}{TaskFactory().pk}/"
    head = partner.client.head(url, headers=partner._headers({}))
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", partner.get(url)["ETag"])
