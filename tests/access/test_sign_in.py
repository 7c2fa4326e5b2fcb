"""The pages at the door: who gets in, where they land, and what their pages may load."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import call_command
from django.urls import reverse

from careops.access.models import User
from tests.access.conftest import ACTIVATE, ADMIN, LOGIN, mailed_code
from tests.conftest import PASSWORD

STRICT = {
    "base-uri 'none'",
    "connect-src 'self'",
    "default-src 'none'",
    "font-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "script-src 'self'",
    "style-src 'self'",
}


def policy(response) -> set[str]:
    return {part.strip() for part in response["Content-Security-Policy"].split(";")}


@pytest.mark.django_db
def test_the_staff_area_sends_strangers_to_the_one_sign_in_page(client):
    response = client.get(ADMIN, follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"
    assert response.templates[0].name == "account/login.html"


def test_staff_land_in_the_staff_area_and_patients_on_the_portal(root, ada_signs_in, client, sign_in):
    assert sign_in(root) == ADMIN
    client.post("/accounts/logout/")
    assert sign_in(ada_signs_in) == "/"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/admin/access/user/", "/admin/access/user/"),
        ("https://evil.example/", ADMIN),
        ("//evil.example/", ADMIN),
        ("https://clinic.example/", ADMIN),  # in ALLOWED_HOSTS, but another host all the same
        ("javascript:alert(1)", ADMIN),
    ],
)
def test_the_way_back_stays_on_this_host(asked, given, root, sign_in, settings):
    settings.ALLOWED_HOSTS = ["testserver", "clinic.example"]
    assert sign_in(root, asked) == given


def test_a_wrong_password_says_neither_what_is_wrong(client, root):
    wrong = client.post(LOGIN, {"login": root.email, "password": "no"})
    unknown = client.post(LOGIN, {"login": "nobody@clinic.example", "password": "no"})
    expected = {"__all__": ["The email address and/or password you specified are not correct."]}
    assert wrong.context["form"].errors == unknown.context["form"].errors == expected


def test_the_sixth_guess_in_five_minutes_is_not_even_tried(client, root):
    for _attempt in range(5):
        client.post(LOGIN, {"login": root.email, "password": "guess"})
    refused = client.post(LOGIN, {"login": root.email, "password": PASSWORD})
    assert refused.context["form"].errors == {"__all__": ["Too many failed login attempts. Try again later."]}


def test_a_password_for_an_address_nobody_confirmed_waits_for_a_code(client, root):
    response = client.post(LOGIN, {"login": root.email, "password": PASSWORD})
    assert response["Location"] == "/accounts/confirm-email/"
    assert [message.to for message in mail.outbox] == [[root.email]]
    assert "_auth_user_id" not in client.session
    assert client.post("/accounts/confirm-email/", {"code": mailed_code()})["Location"] == ADMIN
    assert EmailAddress.objects.get(user=root).verified


def test_choosing_the_password_asks_for_it_and_blames_nobody(client, root):
    page = client.post(LOGIN, {"login": root.email, "way": "password", "next": "/admin/access/user/"})
    html = page.content.decode()
    assert page.context["form"].errors == {}
    assert f'value="{root.email}"' in html
    assert 'type="password"' in html
    assert 'name="next" value="/admin/access/user/"' in html
    assert mail.outbox == []

    blank = client.post(LOGIN, {"login": root.email, "way": "password", "password": ""})
    assert blank.context["form"].errors == {"password": ["This field is required."]}
    assert mail.outbox == []


@pytest.mark.django_db
def test_the_first_person_comes_from_the_command_line(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", email="First@Clinic.example", interactive=False, verbosity=0)
    first = User.objects.get()
    assert (first.email, first.is_staff, first.is_superuser) == ("first@clinic.example", True, True)
    assert first.check_password(PASSWORD)


def test_the_content_policy_is_strict_but_for_the_staff_area(client, root, inside):
    assert policy(client.get(LOGIN)) == STRICT
    inside(root)
    loosened = {"script-src 'self' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'"}
    assert policy(client.get(ADMIN)) == STRICT - {"script-src 'self'", "style-src 'self'"} | loosened
    assert policy(client.get("/accounts/2fa/")) == STRICT
    assert policy(client.get("/administration/")) == STRICT


#: A script is a file of ours, or data that nothing executes.
DATA = r' id="js_data" type="application/json"| data-allauth-onload="[\w.]+" type="application/json"'
REFUSED = rf'<script(?! src="/static/|{DATA})|<style|\sstyle=|\son\w+=|javascript:'
ACCOUNT_PAGES = [
    "account_login",
    "account_logout",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
    "account_inactive",
    "account_email",
    "account_change_password",
    "account_request_login_code",
    "account_reauthenticate",
    "mfa_index",
    "mfa_reauthenticate",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
]


@pytest.mark.parametrize("name", ACCOUNT_PAGES)
def test_pages_carry_nothing_the_policy_refuses(name, client, root, inside):
    pages = [client.get(reverse(name)).content.decode()]
    inside(root)
    pages.append(client.get(reverse(name)).content.decode())
    assert any("site.css" in page for page in pages)
    for page in pages:
        assert not re.search(REFUSED, page)


def test_pages_that_wait_for_a_code_carry_nothing_the_policy_refuses(client, root):
    client.post(LOGIN, {"login": root.email})
    pages = [client.get("/accounts/login/code/confirm/").content.decode()]
    client.post("/accounts/logout/")
    client.post("/accounts/signup/", {"email": "eve@mail.example"})
    pages.append(client.get("/accounts/confirm-email/").content.decode())
    for page in pages:
        assert 'inputmode="numeric"' in page
        assert not re.search(REFUSED, page)


def test_the_page_that_enrols_carries_nothing_the_policy_refuses(client, root, sign_in):
    sign_in(root)
    page = client.get(ACTIVATE).content.decode()
    assert 'src="data:image/svg+xml;base64,' in page
    assert not re.search(REFUSED, page)


def test_a_forgotten_password_is_set_anew_by_mail(client, root):
    client.post("/accounts/password/reset/", {"email": root.email})
    message = mail.outbox[0]
    assert (message.to, message.subject) == ([root.email], "Set a new password")
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", message.body)[1]
    form = client.get(link, follow=True)
    new = "another-long-and-calm-phrase"
    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})
    root.refresh_from_db()
    assert root.check_password(new)


@pytest.mark.parametrize("open", [True, False])
def test_a_stranger_asking_for_a_password_is_told_by_mail_alone(open, client, db, settings):
    settings.SIGN_UP = open
    response = client.post("/accounts/password/reset/", {"email": "who@mail.example"})
    assert response["Location"] == "/accounts/password/reset/done/"
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["who@mail.example"], "No account with this address")
    assert ("http://testserver/accounts/signup/" in message.body) is open


def test_the_sixth_password_reset_in_an_hour_is_refused(client, root, monkeypatch):
    for _time in range(5):
        assert client.post("/accounts/password/reset/", {"email": root.email}).status_code == 302
    later = SimpleNamespace(time=lambda: time.time() + 59 * 60, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr("allauth.core.internal.ratelimit.time", later)
    refused = client.post("/accounts/password/reset/", {"email": root.email.upper()})
    assert (refused.status_code, refused.templates[0].name) == (429, "429.html")
    assert len(mail.outbox) == 5


def test_a_sign_in_gives_the_session_a_new_key(client, ada_signs_in, sign_in):
    client.post(LOGIN, {"login": "nobody@mail.example"})  # a code is pending: there is a session
    before = client.session.session_key
    client.post("/accounts/logout/")
    assert client.session.session_key == before
    sign_in(ada_signs_in)
    assert client.session.session_key != before
    assert client.cookies["sessionid"]["max-age"] == ""  # gone with the browser


def test_who_has_no_password_may_set_one(client, ada_signs_in, sign_in):
    sign_in(ada_signs_in)
    assert "Change it" in client.get("/accounts/2fa/").content.decode()
    ada_signs_in.set_unusable_password()
    ada_signs_in.save()
    client.force_login(ada_signs_in)
    assert "Set a password" in client.get("/accounts/2fa/").content.decode()
    assert client.get("/accounts/password/change/")["Location"] == "/accounts/password/set/"
    new = "another-long-and-calm-phrase"
    client.post("/accounts/password/set/", {"password1": new, "password2": new})
    ada_signs_in.refresh_from_db()
    assert ada_signs_in.check_password(new)
    assert (mail.outbox[-1].to, mail.outbox[-1].subject) == ([ada_signs_in.email], "You have a password now")
