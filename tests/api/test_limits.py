"""Rate limits: per key, per colleague, per address of whoever tries wrong keys; the same in every process."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from careops.access import rates
from careops.access.models import RateWindow
from patients.models import Task
from tests.api.support import PROBLEM, Caller

TASKS = "/api/v1/tasks/"
LAST_MINUTE = "UPDATE access_ratewindow SET began_at = began_at - interval '1 minute'"


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.django_db
class TestLimits:
    def test_every_answer_says_where_one_stands(self, partner: Caller) -> None:
        answers = [partner.get(TASKS), partner.get(f"{TASKS}?nope=1"), partner.post(TASKS, {"nope": 1})]
        assert [answer["RateLimit-Limit"] for answer in answers] == ["600"] * 3
        assert [answer["RateLimit-Remaining"] for answer in answers] == ["599", "598", "597"]
        assert all(1 <= int(answer["RateLimit-Reset"]) <= 60 for answer in answers)

    def test_so_does_the_refusal_of_another_format(self, partner: Caller) -> None:
        answer = partner.get(TASKS, Accept="text/html")
        assert (answer.status_code, answer["RateLimit-Remaining"]) == (406, "599")

    def test_a_body_that_cannot_be_read_is_counted_like_any_other(
        self, nia: Any, at_desk: Any, settings: Any
    ) -> None:
        settings.API_STAFF_PER_MINUTE = 3
        token = "x" * 32
        client = at_desk(nia, enforce_csrf_checks=True)
        client.cookies[settings.CSRF_COOKIE_NAME] = token
        kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
        answers = [
            client.post(
                TASKS,
                "{",
                content_type=kind,
                headers={"X-CSRFToken": token, "Idempotency-Key": f"k-{kind[:20]}"},
            )
            for kind in (*kinds, kinds[0])
        ]
        assert [answer.status_code for answer in answers] == [400, 415, 415, 429]
        assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]

    def test_one_too_many_is_refused_before_anything_is_done(self, partner: Caller, settings: Any) -> None:
        settings.API_KEY_PER_MINUTE = 2
        answers = [partner.post(TASKS, {"title": "Call"}) for _number in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 429, 429]
        refused = answers[2]
        assert (refused["Content-Type"], refused["RateLimit-Remaining"]) == (PROBLEM, "0")
        assert refused["Retry-After"] == refused["RateLimit-Reset"]
        assert Task.objects.count() == 2

    def test_the_next_minute_begins_anew(self, partner: Caller, settings: Any) -> None:
        settings.API_KEY_PER_MINUTE = 1
        assert [partner.get(TASKS).status_code for _number in range(2)] == [200, 429]
        run(LAST_MINUTE)
        assert partner.get(TASKS).status_code == 200

    def test_who_comes_late_from_the_last_minute_is_counted_in_this_one(self) -> None:
        """As whoever waited for the row over the end of a minute: here the row is a minute ahead."""
        rates.count("integrator:x", 10)
        run("UPDATE access_ratewindow SET began_at = began_at + interval '1 minute', used = 10")
        began_at = RateWindow.objects.get().began_at
        assert rates.count("integrator:x", 10).exceeded
        kept = RateWindow.objects.get()
        assert (kept.used, kept.began_at) == (11, began_at)

    def test_colleagues_have_a_limit_of_their_own_each(
        self, nia: Any, omar: Any, as_staff: Any, settings: Any
    ) -> None:
        settings.API_STAFF_PER_MINUTE = 1
        assert [as_staff(nia).get(TASKS).status_code for _number in range(2)] == [200, 429]
        assert as_staff(omar).get(TASKS)["RateLimit-Limit"] == "1"

    def test_wrong_keys_are_counted_by_address_and_right_ones_still_work(
        self, partner: Caller, settings: Any
    ) -> None:
        settings.API_FAILED_KEYS_PER_MINUTE = 2
        wrong = Caller("co_live_wrong")
        assert [wrong.get(TASKS).status_code for _number in range(4)] == [401, 401, 429, 429]
        elsewhere = Client(REMOTE_ADDR="192.0.2.7").get(TASKS, headers={"Authorization": "Bearer wrong"})
        assert elsewhere.status_code == 401
        assert partner.get(TASKS).status_code == 200

    def test_a_header_does_not_make_somebody_else_of_one(self, settings: Any) -> None:
        settings.API_FAILED_KEYS_PER_MINUTE = 1
        wrong = Caller("co_live_wrong")
        assert [wrong.get(TASKS, X_Forwarded_For=f"192.0.2.{n}").status_code for n in range(3)] == [
            401,
            429,
            429,
        ]

    def test_the_forgotten_are_thrown_away(self) -> None:
        for number in range(5):
            rates.count(f"failed:192.0.2.{number}", 10)
        run("UPDATE access_ratewindow SET began_at = began_at - interval '2 days'")
        rates.count("failed:198.51.100.1", 10)
        assert list(RateWindow.objects.values_list("who", flat=True)) == ["failed:198.51.100.1"]


@pytest.mark.django_db(transaction=True)
def test_at_the_limit_nobody_slips_through() -> None:
    """Forty at once with one free place each: exactly as many as the limit says."""
    start, seen = threading.Barrier(40, timeout=30), []

    def ask() -> None:
        try:
            start.wait()
            seen.append(rates.count("integrator:x", 25).exceeded)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _one in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = RateWindow.objects.get()
    if counted.used == 40:  # unless a minute ended just then
        assert sorted(seen) == [False] * 25 + [True] * 15
    assert len(seen) == 40
