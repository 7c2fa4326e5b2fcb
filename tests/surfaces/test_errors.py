"""Pages for what went wrong: they say what happened, lead on, and give nothing away."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.views import defaults


def text(answer: HttpResponse) -> str:
    return " ".join(answer.content.decode().split())


def leads_on(answer: HttpResponse) -> bool:
    return '<a role="button" href="/">' in text(answer) and "<script" not in text(answer)


def test_an_address_nobody_has_leads_to_the_start(client: Client, db: None) -> None:
    answer = client.get("/no/such/place/")
    assert (answer.status_code, leads_on(answer)) == (404, True)
    assert "There is nothing here" in text(answer)
    assert "no/such/place" not in text(answer)
    assert "default-src" in answer.headers["Content-Security-Policy"]


def test_somebody_elses_record_and_no_record_answer_alike(at_desk: Any, root: Any, db: None) -> None:
    client = at_desk(root)
    one = client.get("/admin/patients/patient/0190c2f0-0000-7000-8000-000000000000/change/")
    other = client.get("/admin/patients/patient/nonsense/change/")
    assert (one.status_code, other.status_code, text(one)) == (404, 404, text(other))
    assert "Staff area" in text(one)


@pytest.mark.parametrize(
    ("view", "code", "said"),
    [
        (defaults.bad_request, 400, "This request makes no sense to us"),
        (defaults.permission_denied, 403, "You may not do that here"),
    ],
)
def test_a_refusal_keeps_its_reason_to_itself(rf: RequestFactory, view: Any, code: int, said: str) -> None:
    answer = view(rf.get("/"), Exception("Ada Abara, born 1980"))
    assert (answer.status_code, leads_on(answer), said in text(answer)) == (code, True, True)
    assert "Ada" not in text(answer)


def test_our_own_fault_is_told_without_asking_the_database(
    rf: RequestFactory, db: None, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        answer = defaults.server_error(rf.get("/"))
    assert (answer.status_code, leads_on(answer)) == (500, True)
    assert "Something went wrong on our side" in text(answer)


def test_a_form_without_its_token_says_what_to_do(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a@b.example"}, secure=True)
    assert (answer.status_code, leads_on(answer)) == (403, True)
    assert "This page was open for too long" in text(answer)
    assert "a@b.example" not in text(answer)
