"""How long a session lives, by moving what it remembers: nobody sleeps."""

from __future__ import annotations

import time

import pytest
from django.contrib.messages import get_messages
from django.contrib.sessions.backends.db import SessionStore

from careops.access import second_factor
from careops.access.middleware import SEEN, STARTED
from tests.access.conftest import ADMIN


def age(client, **ages: float) -> None:
    """Make the session look that many seconds older."""
    session = client.session
    for key, seconds in ages.items():
        session[{"seen": SEEN, "started": STARTED}[key]] = time.time() - seconds
    session.save()


def test_staff_may_be_idle_for_15_minutes(client, root, inside):
    inside(root)
    age(client, seen=14 * 60 + 59)
    assert client.get(ADMIN).status_code == 200
    age(client, seen=15 * 60 + 1)
    response = client.get("/admin/access/user/?q=x")
    assert response["Location"] == "/accounts/login/?next=%2Fadmin%2Faccess%2Fuser%2F%3Fq%3Dx"
    assert [str(m) for m in get_messages(response.wsgi_request)] == [
        "You were signed out because you had been away for a while."
    ]
    assert "_auth_user_id" not in client.session


def test_patients_may_be_idle_for_20_minutes(client, ada_signs_in, sign_in):
    sign_in(ada_signs_in)
    age(client, seen=19 * 60 + 59)
    assert client.get("/accounts/email/").status_code == 200
    age(client, seen=20 * 60 + 1)
    assert client.get("/accounts/email/")["Location"] == "/accounts/login/?next=%2Faccounts%2Femail%2F"


def test_a_session_ends_after_12_hours_however_busy(client, root, inside):
    inside(root)
    age(client, seen=0, started=12 * 3600 - 5)
    assert client.get(ADMIN).status_code == 200
    age(client, seen=0, started=12 * 3600 + 1)
    assert client.get(ADMIN)["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    assert client.get(ADMIN)["Location"].startswith("/admin/login/")


def test_a_form_that_comes_too_late_is_not_sent_again(client, root, inside):
    inside(root)
    age(client, seen=15 * 60 + 1)
    assert client.post("/admin/access/user/add/", {"email": "x@y.example"})["Location"] == "/accounts/login/"


def test_programs_get_401(client, root, inside):
    inside(root)
    age(client, seen=15 * 60 + 1)
    answer = client.get(ADMIN, headers={"Accept": "application/json"})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_use_is_written_at_most_every_10_seconds(client, root, inside):
    inside(root)
    age(client, seen=8)
    before = client.session[SEEN]
    client.get(ADMIN)
    assert client.session[SEEN] == before
    age(client, seen=11)
    client.get(ADMIN)
    assert time.time() - client.session[SEEN] < 5


def test_noting_use_undoes_nothing_of_another_tab(client, root, inside, monkeypatch):
    inside(root)
    age(client, seen=11)
    is_proven = second_factor.is_proven

    def meanwhile(request):
        other = SessionStore(client.session.session_key)
        other["proof"] = 1
        other.save()
        return is_proven(request)

    monkeypatch.setattr(second_factor, "is_proven", meanwhile)
    assert client.get(ADMIN).status_code == 200
    assert client.session["proof"] == 1
    assert time.time() - client.session[SEEN] < 5


@pytest.mark.parametrize("page", [ADMIN, "/accounts/email/"])
def test_browsers_store_nothing_of_the_signed_in(page, client, root, inside):
    inside(root)
    assert "no-store" in client.get(page)["Cache-Control"]


@pytest.mark.django_db
def test_a_probe_of_health_has_no_session(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert not response.cookies
