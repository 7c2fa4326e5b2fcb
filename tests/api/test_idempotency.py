"""Sent twice, done once: the first reply is the reply, whoever asks again, however often, whatever died in between."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from careops.access import idempotency
from careops.access.actor import Actor
from careops.access.models import AuditEntry, IdempotencyRecord, RateWindow
from careops.surfaces.api import records
from patients.models import Patient, Task
from tests.api.support import PROBLEM, Caller
from tests.factories.patients import PatientFactory, TaskFactory
from workflows.models import EventRecord

TASKS = "/api/v1/tasks/"
CALL = {"title": "Call back"}
LONG_AGO = "UPDATE access_idempotencyrecord SET leased_until = statement_timestamp() - interval '1 second'"
YESTERDAY = "UPDATE access_idempotencyrecord SET expires_at = statement_timestamp() - interval '1 second'"


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.django_db
class TestOneAfterTheOther:
    def test_the_second_gets_the_first_ones_reply_word_for_word(self, partner: Caller) -> None:
        first, second = (partner.post(TASKS, CALL, Idempotency_Key="k1") for _time in range(2))
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert {name: second[name] for name in ("ETag", "Location", "Content-Type")} == {
            name: first[name] for name in ("ETag", "Location", "Content-Type")
        }
        assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")
        assert first["X-Request-ID"] != second["X-Request-ID"]
        assert Task.objects.count() == 1

    def test_a_move_is_made_once(self, partner: Caller) -> None:
        url = f"{TASKS}{TaskFactory().pk}/transitions/start/"
        first, second = (partner.post(url, {}, Idempotency_Key="k1") for _time in range(2))
        assert (first.status_code, second.status_code, first.content) == (200, 200, second.content)
        assert EventRecord.objects.filter(name="task.started").count() == 1

    def test_a_refusal_is_a_reply_as_well(self, partner: Caller) -> None:
        first, second = (partner.post(TASKS, {"nope": 1}, Idempotency_Key="k1") for _time in range(2))
        assert (first.status_code, second.status_code, first.content) == (400, 400, second.content)
        assert (second["Content-Type"], second["Idempotency-Replayed"]) == (PROBLEM, "true")

    @pytest.mark.parametrize(
        "other", [(TASKS, {"title": "Else"}), ("/api/v1/messages/", CALL), (f"{TASKS}?x=", CALL)]
    )
    def test_another_request_under_the_same_key_is_refused(self, partner: Caller, other: Any) -> None:
        partner.post(TASKS, CALL, Idempotency_Key="k1")
        refused = partner.post(*other, Idempotency_Key="k1")
        assert refused.status_code == (400 if "?" in other[0] else 422)
        assert Task.objects.count() == 1

    def test_everybody_has_keys_of_their_own(
        self, partner: Caller, with_key: Any, nia: Any, as_staff: Any
    ) -> None:
        callers = [partner, with_key("patients.view_task", "patients.add_task"), as_staff(nia)]
        assert [caller.post(TASKS, CALL, Idempotency_Key="k1").status_code for caller in callers] == [201] * 3
        assert Task.objects.count() == 3

    def test_programs_must_send_one_and_people_may(self, partner: Caller, nia: Any, as_staff: Any) -> None:
        refused = partner.post(TASKS, CALL, Idempotency_Key=None)
        assert (refused.status_code, refused.json()["type"]) == (
            400,
            "urn:careops:problem:idempotency-key-missing",
        )
        assert as_staff(nia).post(TASKS, CALL, Idempotency_Key=None).status_code == 201
        assert (Task.objects.count(), IdempotencyRecord.objects.count()) == (1, 0)

    @pytest.mark.parametrize("key", ["a b", "é", "x" * 256])
    def test_a_key_is_a_short_visible_text(self, partner: Caller, key: str) -> None:
        refused = partner.post(TASKS, CALL, Idempotency_Key=key)
        assert (refused.status_code, refused.json()["type"]) == (
            400,
            "urn:careops:problem:idempotency-key-invalid",
        )
        assert Task.objects.count() == 0

    def test_a_failure_of_ours_is_no_reply(self, partner: Caller, monkeypatch: Any) -> None:
        """Nothing was done and nothing is remembered: asked again, it is done."""
        partner.client = Client(raise_request_exception=False)
        with monkeypatch.context() as patch:
            patch.setattr(records, "audit", lambda *args, **kwargs: 1 / 0)
            failed = partner.post(TASKS, CALL, Idempotency_Key="k1")
        assert (failed.status_code, failed["Content-Type"]) == (500, PROBLEM)
        assert (Task.objects.count(), IdempotencyRecord.objects.count()) == (0, 0)
        assert partner.post(TASKS, CALL, Idempotency_Key="k1").status_code == 201

    def test_the_stored_reply_is_encrypted(self, partner: Caller) -> None:
        partner.post(TASKS, {"title": "Zosterwunde"}, Idempotency_Key="k1")
        with connection.cursor() as cursor:
            cursor.execute("SELECT body FROM access_idempotencyrecord")
            (stored,) = cursor.fetchone()
        assert "Zosterwunde" not in stored
        assert "Zosterwunde" in IdempotencyRecord.objects.get().body

    def test_after_a_day_the_key_is_free_and_the_row_goes(self, partner: Caller) -> None:
        for number in range(3):
            partner.post(TASKS, CALL, Idempotency_Key=f"k{number}")
        run(YESTERDAY)
        assert partner.post(TASKS, CALL, Idempotency_Key="k0").status_code == 201
        assert Task.objects.count() == 4
        assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["k0"]

    def test_a_replay_is_for_who_may_still_see(self, partner: Caller) -> None:
        partner.post(TASKS, CALL, Idempotency_Key="k1")
        partner.key.permissions = ["patients.view_practitioner"]
        partner.key.save()
        assert partner.post(TASKS, CALL, Idempotency_Key="k1").status_code == 403


@pytest.mark.django_db
class TestClaims:
    @pytest.fixture
    def actor(self) -> Actor:
        return Actor.integrator(uuid.uuid4(), frozenset())

    def test_who_comes_while_it_is_being_worked_on_is_told_to_wait(self, partner: Caller) -> None:
        by = Actor.integrator(partner.key.pk, frozenset())
        partner.post(TASKS, CALL, Idempotency_Key="k1")
        IdempotencyRecord.objects.update(status=None)
        answer = partner.post(TASKS, CALL, Idempotency_Key="k1")
        assert (answer.status_code, answer["Retry-After"], answer.json()["type"]) == (
            409, "1", "urn:careops:problem:request-in-flight",
        )  # fmt: skip
        assert Task.objects.count() == 1
        assert IdempotencyRecord.objects.get().actor_id == by.id

    def test_a_claim_whose_worker_died_is_taken_over(self, actor: Actor) -> None:
        dead = idempotency.claim(actor, "k1", "hash")
        with pytest.raises(idempotency.InFlight):
            idempotency.claim(actor, "k1", "hash")
        run(LONG_AGO)
        with pytest.raises(idempotency.Reused):
            idempotency.claim(actor, "k1", "another request")
        heir = idempotency.claim(actor, "k1", "hash")
        assert isinstance(heir, idempotency.Claim)
        with pytest.raises(idempotency.Lost):
            dead.answer(idempotency.Reply(201, {}, "from the dead"))
        dead.release()
        heir.answer(idempotency.Reply(201, {"ETag": '"1"'}, "{}"))
        assert idempotency.claim(actor, "k1", "hash") == idempotency.Reply(201, {"ETag": '"1"'}, "{}")

    def test_who_outlived_the_lease_leaves_nothing_behind(self, partner: Caller, monkeypatch: Any) -> None:
        """Somebody else took the claim over while this one was still at work: its work is rolled back."""
        shown = records.RecordViewSet.shown

        def slowly(self: Any, *args: Any, **kwargs: Any) -> Any:
            IdempotencyRecord.objects.update(claim=uuid.uuid4())
            return shown(self, *args, **kwargs)

        monkeypatch.setattr(records.RecordViewSet, "shown", slowly)
        answer = partner.post(TASKS, CALL, Idempotency_Key="k1")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:careops:problem:request-in-flight")
        assert Task.objects.count() == 0
        assert not EventRecord.objects.filter(name="task.created").exists()


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Real connections, as many threads as requests."""

    def at_once(self, secret: str, number: int) -> list[Any]:
        start, answers = threading.Barrier(number, timeout=30), []

        def send() -> None:
            try:
                caller = Caller(secret)
                start.wait()
                answers.append(caller.post(TASKS, CALL, Idempotency_Key="the-same"))
            finally:
                connection.close()

        threads = [threading.Thread(target=send) for _one in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def test_twenty_at_once_make_one_record(self, partner: Caller) -> None:
        answers = self.at_once(partner.secret, 20)
        assert len(answers) == 20
        assert {answer.status_code for answer in answers} <= {201, 409}
        made = [answer for answer in answers if answer.status_code == 201]
        assert len({answer.content for answer in made}) == 1
        assert len([answer for answer in made if "Idempotency-Replayed" not in answer]) == 1
        for answer in answers:
            if answer.status_code == 409:
                assert (answer.json()["type"], answer["Retry-After"]) == (
                    "urn:careops:problem:request-in-flight",
                    "1",
                )
        assert Task.objects.count() == 1
        assert EventRecord.objects.filter(name="task.created").count() == 1
        assert AuditEntry.objects.filter(act="view", subject_type="patients.Task").count() == 1
        assert partner.post(TASKS, CALL, Idempotency_Key="the-same")["Idempotency-Replayed"] == "true"
        assert RateWindow.objects.get(who=f"integrator:{partner.key.pk}").used <= 21

    def test_the_claim_is_there_before_the_work_begins(self, partner: Caller, monkeypatch: Any) -> None:
        """And the effect is there exactly when the reply is: a crash between the two cannot happen."""
        seen: list[tuple[int, int | None]] = []
        shown = records.RecordViewSet.shown

        def from_elsewhere() -> None:
            try:
                claimed = IdempotencyRecord.objects.get()
                seen.append((Task.objects.count(), claimed.status))
            finally:
                connection.close()

        def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
            assert transaction.get_connection().in_atomic_block
            thread = threading.Thread(target=from_elsewhere)
            thread.start()
            thread.join()
            return shown(self, *args, **kwargs)

        monkeypatch.setattr(records.RecordViewSet, "shown", watched)
        assert partner.post(TASKS, CALL, Idempotency_Key="k1").status_code == 201
        from_elsewhere()
        assert seen == [(0, None), (1, 201)]

    def test_of_two_who_wait_for_each_other_one_may_ask_again(
        self, root: Any, as_staff: Any, monkeypatch: Any
    ) -> None:
        """Each locks its own record, then wants the other's: the database ends one, whose claim is given back."""
        one, other = PatientFactory(), PatientFactory()
        both, locked, answers = threading.Barrier(2, timeout=30), records.RecordViewSet.locked_object, []

        def together(self: Any) -> Any:
            record = locked(self)
            both.wait()
            return record

        def merge(caller: Caller, loser: Any, survivor: Any) -> None:
            try:
                url = f"/api/v1/patients/{loser.pk}/transitions/merge/"
                answers.append(caller.post(url, {"into": survivor.mrn}))
            finally:
                connection.close()

        monkeypatch.setattr(records.RecordViewSet, "locked_object", together)
        pairs = ((one, other), (other, one))
        threads = [threading.Thread(target=merge, args=(as_staff(root), *pair)) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done, ended = sorted(answers, key=lambda answer: answer.status_code)
        assert (done.status_code, ended.status_code, ended["Retry-After"]) == (200, 409, "1")
        assert ended.json()["type"] == "urn:careops:problem:conflict"
        assert sorted(Patient.objects.values_list("state", flat=True)) == ["merged", "registered"]
        assert list(IdempotencyRecord.objects.values_list("status", flat=True)) == [200]
