"""Passkeys: as the only thing one signs in with, as a second factor, at a step-up; by a key made in software."""

from __future__ import annotations

import json
import time

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.messages import get_messages
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve

from careops.access import second_factor
from careops.access.middleware import SecondFactorForStaff
from tests.access.conftest import ADMIN, FACTORS, LOGIN, REAUTHENTICATE, REAUTHENTICATE_BY_PASSKEY
from tests.access.passkey import SoftPasskey
from tests.conftest import PASSWORD

PASSKEY_LOGIN = f"{FACTORS}webauthn/login/"
USERS = "/admin/access/user/"


def sign_in_by_passkey(client, key, **fields):
    options = client.get(PASSKEY_LOGIN, headers={"Accept": "application/json"}).json()["request_options"]
    return client.post(PASSKEY_LOGIN, {"credential": key.sign(options), **fields})


def prove(client, key):
    options = client.get(REAUTHENTICATE_BY_PASSKEY).context["js_data"]["request_options"]
    return client.post(REAUTHENTICATE_BY_PASSKEY, {"credential": key.sign(options)})


@pytest.fixture
def key(root, client, sign_in, enrol_passkey) -> SoftPasskey:
    """Root's passkey, enrolled in another session than the test's."""
    key = SoftPasskey()
    sign_in(root)
    enrol_passkey(key)
    client.post("/accounts/logout/")
    return key


def test_enrolling_one_opens_the_staff_area_at_once(client, root, sign_in, enrol_passkey):
    sign_in(root)
    assert enrol_passkey(SoftPasskey()) == f"{FACTORS}recovery-codes/"
    assert client.get(ADMIN).status_code == 200
    notice = mail.outbox[-1]
    assert (notice.to, notice.subject) == ([root.email], "A passkey was added")


def test_it_signs_in_alone_and_counts_as_the_second_factor(client, key):
    assert sign_in_by_passkey(client, key)["Location"] == ADMIN
    (record,) = client.session["account_authentication_methods"]
    assert (record["method"], record["type"], record["passwordless"]) == ("mfa", "webauthn", True)
    assert client.get(ADMIN).status_code == 200


def test_it_leads_back_to_where_one_was_going(client, key):
    assert sign_in_by_passkey(client, key, next=USERS)["Location"] == USERS
    client.post("/accounts/logout/")
    assert sign_in_by_passkey(client, key, next="https://evil.example/")["Location"] == ADMIN


def test_a_key_that_asked_for_no_finger_face_or_pin_signs_in_nobody(client, key):
    key.flags = SoftPasskey(verified=False).flags
    assert sign_in_by_passkey(client, key)["Location"] == LOGIN
    assert "_auth_user_id" not in client.session


def test_somebody_elses_key_signs_in_nobody(client, key):
    stranger = SoftPasskey(id=key.id)
    stranger.user = key.user
    refused = sign_in_by_passkey(client, stranger)
    assert refused["Location"] == LOGIN
    assert str(list(get_messages(refused.wsgi_request))[-1]) == "This passkey does not work here."
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("answer", ["", "{}", "null", '"x"', '{"id": "x", "response": {}}'])
def test_nonsense_is_refused_calmly(answer, client, key):
    client.get(PASSKEY_LOGIN, headers={"Accept": "application/json"})
    assert client.post(PASSKEY_LOGIN, {"credential": answer})["Location"] == LOGIN


def test_the_password_alone_stops_at_the_second_factor(client, root, key, sign_in):
    assert sign_in(root, USERS) == f"{FACTORS}authenticate/"
    assert client.get(ADMIN)["Location"] == "/admin/login/?next=/admin/"
    page = client.get(f"{FACTORS}authenticate/")
    assert "Use my passkey" in page.content.decode()
    assert "authenticator app" not in page.content.decode()  # they have none

    posted = {"credential": key.sign(page.context["js_data"]["request_options"])}
    assert client.post(f"{FACTORS}authenticate/", posted)["Location"] == USERS
    assert client.get(USERS).status_code == 200


def test_a_session_that_knows_the_password_only_cannot_touch_it(client, root, sign_in):
    """A thief signed in with the password before the owner made a passkey: it is beyond their reach."""
    sign_in(root)
    key, thief = SoftPasskey(), client
    owner = Client()
    owner.post(LOGIN, {"login": root.email, "password": PASSWORD})
    options = owner.get(f"{FACTORS}webauthn/add/").context["js_data"]["creation_options"]
    registered = key.register(options)
    assert owner.post(f"{FACTORS}webauthn/add/", {"credential": registered}).status_code == 302

    pk = Authenticator.objects.get(user=root, type="webauthn").pk
    for page in (ADMIN, FACTORS, f"{FACTORS}webauthn/", f"{FACTORS}webauthn/add/", "/accounts/email/",
                 f"{FACTORS}webauthn/keys/{pk}/edit/", f"{FACTORS}webauthn/keys/{pk}/remove/",
                 "/accounts/reauthenticate/"):  # fmt: skip
        expected = f"{REAUTHENTICATE_BY_PASSKEY}?next={page.replace('/', '%2F')}"
        assert thief.get(page)["Location"] == expected
    thief.post(f"{FACTORS}webauthn/keys/{pk}/remove/")
    thief.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert Authenticator.objects.filter(pk=pk).exists()
    assert thief.get(ADMIN).status_code == 302

    assert prove(thief, key)["Location"] == ADMIN
    assert thief.get(ADMIN).status_code == 200


def test_the_page_that_asks_for_it_offers_no_password_to_who_owes_it(client, root, key):
    client.force_login(root)
    ways = client.get(REAUTHENTICATE_BY_PASSKEY).context["reauthentication_alternatives"]
    assert [way["url"] for way in ways] == [REAUTHENTICATE]  # recovery codes
    prove(client, key)
    ways = client.get(REAUTHENTICATE_BY_PASSKEY).context["reauthentication_alternatives"]
    assert [way["url"] for way in ways] == [REAUTHENTICATE, "/accounts/reauthenticate/"]


def test_recovery_codes_alone_are_no_factor(client, root, key, sign_in):
    Authenticator.objects.filter(user=root, type="webauthn").delete()
    assert Authenticator.objects.get(user=root).type == "recovery_codes"
    assert not second_factor.is_enrolled(root)
    assert sign_in(root) == ADMIN  # nothing to show
    assert client.get(ADMIN)["Location"] == f"{FACTORS}?next=%2Fadmin%2F"


def test_removing_the_last_one_leads_back_to_the_choice(client, root, key):
    sign_in_by_passkey(client, key)
    pk = Authenticator.objects.get(user=root, type="webauthn").pk
    client.post(f"{FACTORS}webauthn/keys/{pk}/edit/", {"name": "old phone"})
    assert "old phone" in client.get(FACTORS).content.decode()
    client.post(f"{FACTORS}webauthn/keys/{pk}/remove/")
    assert not Authenticator.objects.filter(user=root).exists()
    assert mail.outbox[-1].subject == "A passkey was removed"
    assert client.get(ADMIN)["Location"] == f"{FACTORS}?next=%2Fadmin%2F"


def test_many_keys_cost_the_pages_no_more_than_one(client, root, key, django_assert_num_queries):
    sign_in_by_passkey(client, key)
    one = Authenticator.objects.get(user=root, type="webauthn")
    for _number in range(4):
        Authenticator.objects.create(user=root, type="webauthn", data=one.data)
    client.get(FACTORS)  # the session notes that it is in use
    # The session, the user, whether they have a factor, their factors, and for the page once more whether any.
    with django_assert_num_queries(5):
        assert client.get(FACTORS).content.decode().count("my phone</strong>") == 5
    with django_assert_num_queries(4):
        assert client.get(f"{FACTORS}webauthn/").content.decode().count("my phone</strong>") == 5


def test_nobody_reaches_anothers_key(client, root, key, omar, sign_in, enrol_passkey):
    sign_in(omar)
    enrol_passkey(SoftPasskey(id=b"soft-passkey-0002"))
    pk = Authenticator.objects.get(user=root, type="webauthn").pk
    assert client.post(f"{FACTORS}webauthn/keys/{pk}/remove/").status_code == 404
    assert client.post(f"{FACTORS}webauthn/keys/{pk}/edit/", {"name": "mine"}).status_code == 404
    assert Authenticator.objects.get(pk=pk).wrap().name == "my phone"


def test_a_key_that_cannot_verify_may_be_a_second_factor_only(client, root, sign_in, enrol_passkey):
    sign_in(root)
    key = SoftPasskey(verified=False)
    options = client.get(f"{FACTORS}webauthn/add/").context["js_data"]["creation_options"]
    refused = client.post(
        f"{FACTORS}webauthn/add/", {"passwordless": "on", "credential": key.register(options)}
    )
    assert refused.status_code == 200
    assert not Authenticator.objects.filter(user=root).exists()
    enrol_passkey(key, passwordless="")
    assert client.get(ADMIN).status_code == 200


@pytest.mark.parametrize("answer", ["", "{}", "[]", '{"id": "x", "response": {}}'])
def test_nonsense_adds_no_key(answer, client, root, sign_in):
    sign_in(root)
    client.get(f"{FACTORS}webauthn/add/")
    assert client.post(f"{FACTORS}webauthn/add/", {"name": "x", "credential": answer}).status_code == 200
    assert not Authenticator.objects.exists()


def test_programs_are_told_to_show_it(client, root, key, rf):
    client.force_login(root)
    request = rf.get("/api/v1/patients/")
    request.user, request.session, request.resolver_match = root, client.session, resolve("/")
    rule = SecondFactorForStaff(lambda request: HttpResponse())

    problem = {"type": "about:blank", "title": "Show your second factor first.", "status": 403}
    for refused in (rule.process_view(request), client.get("/api/v1/patients/")):
        assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
        assert json.loads(refused.content) == problem

    prove(client, key)
    request.session = client.session
    assert rule.process_view(request) is None


def test_a_step_up_by_passkey_is_one(client, root, key):
    sign_in_by_passkey(client, key)
    session = client.session
    session["account_authentication_methods"][0]["at"] = time.time() - 301
    session.save()
    page = f"{USERS}{root.pk}/password/"
    assert client.get(page)["Location"].startswith("/accounts/reauthenticate/")
    before = client.session.session_key
    assert prove(client, key)["Location"] == ADMIN
    assert client.session.session_key != before
    assert client.get(page).status_code == 200
