"""The feed: in order, from anywhere, thin, and patient enough to wait for news without standing in anybody's way."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from careops.access import api_keys
from careops.access.actor import Actor
from careops.access.models import ApiKey, AuditEntry, WaitingPlace
from careops.access.waiting import waiting
from tests.api.support import Caller
from tests.factories.patients import PatientFactory, TaskFactory
from workflows.api import event as feed
from workflows.catalogue import quietly
from workflows.engine.dispatch import dispatch
from workflows.models import EventRecord

EVENTS = "/api/v1/events/"


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def dispatch_all() -> None:
    while dispatch():
        pass


@pytest.mark.django_db
class TestReading:
    def test_an_event_tells_who_did_what_to_what_and_when(self, partner: Caller) -> None:
        patient = PatientFactory()
        task = partner.post("/api/v1/tasks/", {"title": "Call", "patient": str(patient.pk)}).json()
        moved = partner.post(f"/api/v1/tasks/{task['id']}/transitions/start/")
        dispatch_all()
        last = partner.get(f"{EVENTS}?types=task.started").json()["results"][-1]
        row = EventRecord.objects.get(name="task.started")
        assert last == {
            "position": row.position,
            "id": str(row.uid),
            "name": "task.started",
            "subject": {"type": "patients.Task", "id": task["id"]},
            "patient": str(patient.pk),
            "actor": {"kind": "integrator", "id": str(partner.key.pk)},
            "data": {"from": "open", "to": "in_progress"},
            "occurred_at": row.occurred_at.isoformat().replace("+00:00", "Z"),
            "recorded_at": row.recorded_at.isoformat().replace("+00:00", "Z"),
            "correlation_id": moved["X-Request-ID"],
        }

    def test_it_goes_on_from_where_one_left_off(self, partner: Caller) -> None:
        for number in range(5):
            TaskFactory(title=str(number), patient=None)
        dispatch_all()
        seen, after = [], 0
        while True:
            page = partner.get(EVENTS, {"after": after, "limit": 2}).json()
            seen += [row["position"] for row in page["results"]]
            after = page["next_after"]
            if page["caught_up"] and not page["results"]:
                break
        assert seen == list(range(1, EventRecord.objects.count() + 1))

    def test_the_link_to_the_next_keeps_what_was_asked(self, partner: Caller) -> None:
        TaskFactory()
        dispatch_all()
        answer = partner.get(EVENTS, {"types": "task.created", "limit": "5"}).json()
        query = parse_qs(urlsplit(answer["next"]).query)
        assert query == {"types": ["task.created"], "limit": ["5"], "after": [str(answer["next_after"])]}

    def test_what_is_not_numbered_yet_is_not_told_and_quiet_events_are(self, partner: Caller) -> None:
        with quietly():
            TaskFactory(patient=None)
        dispatch_all()
        TaskFactory(patient=None, title="later")
        assert names(partner.get(EVENTS)) == ["task.created"]
        assert EventRecord.objects.get(position=1).quiet

    def test_types_take_any_vocabularys_names(self, partner: Caller) -> None:
        TaskFactory()
        dispatch_all()
        assert names(partner.get(EVENTS, {"types": "task.created"})) == ["task.created"]
        alias = next(iter(feed.events.get("task.created").names() - {"task.created"}), "task.created")
        assert "task.created" in names(partner.get(EVENTS, {"types": f"{alias}, customer.created"}))

    def test_an_unknown_type_is_refused_with_what_was_probably_meant(self, partner: Caller) -> None:
        refused = partner.get(EVENTS, {"types": "task.create,task.started"})
        (complaint,) = refused.json()["errors"]
        assert (refused.status_code, complaint["parameter"]) == (400, "types")
        assert complaint["detail"].startswith(
            "There is no event called 'task.create'. Did you mean task.created"
        )

    def test_the_cursor_moves_on_over_what_was_not_asked_for(self, partner: Caller) -> None:
        TaskFactory()
        dispatch_all()
        newest = EventRecord.objects.count()
        answer = partner.get(EVENTS, {"types": "order.shipped"}).json()
        assert (answer["results"], answer["next_after"], answer["caught_up"]) == ([], newest, True)

    def test_one_look_goes_through_so_many_positions_and_no_more(
        self, partner: Caller, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(feed, "SCANNED", 2)
        TaskFactory()
        dispatch_all()
        assert EventRecord.objects.get(name="task.created").position == 3
        answer = partner.get(EVENTS, {"types": "task.created"}).json()
        assert (answer["results"], answer["next_after"], answer["caught_up"]) == ([], 2, False)
        assert names(partner.get(answer["next"])) == ["task.created"]

    def test_a_full_page_ends_with_its_last_row(self, partner: Caller) -> None:
        TaskFactory()
        dispatch_all()
        answer = partner.get(EVENTS, {"limit": "1", "types": "clinic.created,task.created"}).json()
        assert [row["position"] for row in answer["results"]] == [answer["next_after"]]

    def test_a_position_from_the_future_is_told_of(self, partner: Caller) -> None:
        """The database was restored from an older copy: going on silently would lose what happens now."""
        TaskFactory(patient=None)
        dispatch_all()
        assert partner.get(EVENTS, {"after": 1}).status_code == 200
        answer = partner.get(EVENTS, {"after": 2})
        assert (answer.status_code, answer.json()["type"], answer.json()["newest"]) == (
            409, "urn:careops:problem:position-ahead", 1,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("name", "value"),
        [("after", "-1"), ("after", "x"), ("after", str(2**63)), ("after", "1" * 400), ("wait", "21"), ("wait", "-1"),
         ("limit", "201"), ("since", "1")],
    )  # fmt: skip
    def test_what_cannot_be_asked(self, partner: Caller, name: str, value: str) -> None:
        refused = partner.get(EVENTS, {name: value})
        assert refused.status_code == 400
        assert [error["parameter"] for error in refused.json()["errors"]] == [name]

    def test_it_takes_the_permission_of_events(self, with_key: Any) -> None:
        assert with_key("patients.view_patient").get(EVENTS).status_code == 403
        assert with_key("workflows.view_eventrecord").get(EVENTS).status_code == 200

    def test_reading_it_is_written_down(self, partner: Caller) -> None:
        TaskFactory(patient=None)
        dispatch_all()
        partner.get(EVENTS)
        partner.get(EVENTS, {"after": 1})
        entry = AuditEntry.objects.exclude(act="secret").get()
        assert (entry.act, entry.subject_type, entry.subject_ids) == (
            "list", "workflows.EventRecord", [str(EventRecord.objects.get().pk)],
        )  # fmt: skip


@pytest.mark.django_db
class TestShutOutMeanwhile:
    """Something happens, but whoever waited for it may not hear of it any more."""

    @pytest.fixture
    def meanwhile(self, monkeypatch: Any) -> Any:
        wait_for = feed.wait_for

        def meanwhile(deed: Any) -> None:
            def waited(*args: Any) -> Any:
                deed()
                TaskFactory(patient=None)
                dispatch_all()
                return wait_for(*args)

            monkeypatch.setattr(feed, "wait_for", waited)

        return meanwhile

    def test_who_still_may_hears_of_it(self, partner: Caller, meanwhile: Any) -> None:
        meanwhile(lambda: None)
        assert names(partner.get(EVENTS, {"wait": 5})) == ["task.created"]

    def test_a_revoked_key(self, partner: Caller, root: Any, meanwhile: Any) -> None:
        meanwhile(lambda: api_keys.revoke(partner.key, by=Actor.of(root)))
        answer = partner.get(EVENTS, {"wait": 5})
        assert (answer.status_code, b"task.created" in answer.content) == (401, False)

    def test_a_key_that_lost_the_permission(self, partner: Caller, meanwhile: Any) -> None:
        meanwhile(lambda: ApiKey.objects.update(permissions=["patients.view_task"]))
        assert partner.get(EVENTS, {"wait": 5}).status_code == 403

    def test_a_session_that_ended(self, olga: Any, as_staff: Any, meanwhile: Any) -> None:
        caller = as_staff(olga)
        meanwhile(Session.objects.all().delete)
        assert caller.get(EVENTS, {"wait": 5}).status_code == 401

    def test_a_colleague_who_lost_the_role(self, olga: Any, as_staff: Any, meanwhile: Any) -> None:
        caller = as_staff(olga)
        meanwhile(olga.groups.clear)
        assert caller.get(EVENTS, {"wait": 5}).status_code == 403


@pytest.mark.django_db
class TestPlaces:
    def test_there_are_so_many_places_and_no_more(self) -> None:
        with waiting(2, 10) as first, waiting(2, 10) as second, waiting(2, 10) as third:
            assert (first, second, third) == (True, True, False)
        with waiting(1, 10) as again:
            assert again
        with waiting(0, 10) as never:
            assert not never

    def test_who_died_waiting_has_left(self) -> None:
        with waiting(1, 10) as one:
            assert one
            with connection.cursor() as cursor:
                cursor.execute("UPDATE access_waitingplace SET until = statement_timestamp()")
            with waiting(1, 10) as heir:
                assert heir
                (place,) = WaitingPlace.objects.all()
        assert place.number == 1

    def test_with_every_place_taken_the_answer_comes_at_once(self, partner: Caller, settings: Any) -> None:
        settings.API_WAITING = 1
        with waiting(1, 30):
            began = time.monotonic()
            assert names(partner.get(EVENTS, {"wait": 20})) == []
            assert time.monotonic() - began < 5


@pytest.mark.django_db(transaction=True)
class TestWaiting:
    @pytest.fixture(autouse=True)
    def at_the_end(self, partner: Caller) -> None:
        TaskFactory(patient=None)
        dispatch_all()

    def test_something_new_ends_the_wait(self, partner: Caller) -> None:
        answers: list[Any] = []

        def wait() -> None:
            try:
                answers.append(partner.get(EVENTS, {"after": 1, "wait": 20, "types": "task.created"}))
            finally:
                connection.close()

        thread = threading.Thread(target=wait)
        thread.start()
        self.until(lambda: WaitingPlace.objects.filter(number=1).exists())
        assert self.idle_in_transaction() == 0
        began = time.monotonic()
        PatientFactory()  # not what it waits for
        TaskFactory(patient=None)
        dispatch_all()
        thread.join()
        assert time.monotonic() - began < 10
        (answer,) = answers
        assert names(answer) == ["task.created"]
        assert answer.json()["next_after"] == EventRecord.objects.count()

    def test_nothing_new_ends_it_in_time(self, partner: Caller) -> None:
        began = time.monotonic()
        answer = partner.get(EVENTS, {"after": 1, "wait": 1})
        assert (names(answer), answer.json()["next_after"]) == ([], 1)
        assert 1 <= time.monotonic() - began < 5

    @staticmethod
    def until(true: Any) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline

    @staticmethod
    def idle_in_transaction() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
            )
            return int(cursor.fetchone()[0])
