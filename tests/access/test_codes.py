"""Signing in, and signing up, with a code from one's mailbox; and how often one may ask and guess."""

from __future__ import annotations

import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail

from careops.access.models import User
from tests.access.conftest import ADMIN, FACTORS, LOGIN, code, mailed_code

CONFIRM, SIGN_UP, VERIFY = "/accounts/login/code/confirm/", "/accounts/signup/", "/accounts/confirm-email/"
WRONG = "0000-0000"
TOO_OFTEN = {"code": ["Too many failed login attempts. Try again later."]}


@pytest.fixture
def confirmed(ada_signs_in) -> User:
    """Ada, whose address is confirmed."""
    EmailAddress.objects.create(user=ada_signs_in, email=ada_signs_in.email, verified=True, primary=True)
    return ada_signs_in


def signed_in(client) -> User | None:
    return User.objects.filter(pk=client.session.get("_auth_user_id")).first()


# ── Signing in ────────────────────────────────────────────────────────────────────────────────────────────
def test_a_code_signs_in(client, confirmed):
    asked = client.post(LOGIN, {"login": confirmed.email, "next": "/accounts/email/"})
    assert asked["Location"] == f"{CONFIRM}?next=%2Faccounts%2Femail%2F"
    (message,) = mail.outbox
    assert (message.to, message.subject) == ([confirmed.email], "Your code to sign in")
    assert message.body.startswith(mailed_code())
    assert "testserver" not in message.body
    done = client.post(CONFIRM, {"code": mailed_code().replace("-", " "), "next": "/accounts/email/"})
    assert done["Location"] == "/accounts/email/"
    assert signed_in(client) == confirmed


def test_a_code_works_once_and_in_the_browser_that_asked(client, confirmed):
    client.post(LOGIN, {"login": confirmed.email})
    sent = mailed_code()
    other = type(client)()
    assert other.post(CONFIRM, {"code": sent})["Location"] == "/accounts/login/code/"
    client.post(CONFIRM, {"code": sent})
    client.post("/accounts/logout/")
    assert client.post(CONFIRM, {"code": sent})["Location"] == "/accounts/login/code/"
    assert signed_in(client) is signed_in(other) is None


def test_a_code_is_stale_after_ten_minutes(client, confirmed):
    client.post(LOGIN, {"login": confirmed.email})
    session = client.session
    session["account_login"]["state"]["stages"]["login_by_code"]["data"]["at"] = time.time() - 601
    session.save()
    assert client.post(CONFIRM, {"code": mailed_code()})["Location"] == "/accounts/login/code/"
    assert signed_in(client) is None


def test_staff_still_owe_their_second_factor(client, root, inside):
    secret = inside(root)
    client.post("/accounts/logout/")
    client.post(LOGIN, {"login": root.email})
    assert client.post(CONFIRM, {"code": mailed_code()})["Location"] == f"{FACTORS}authenticate/"
    assert client.get(ADMIN).status_code == 302
    assert client.post(f"{FACTORS}authenticate/", {"code": code(secret)})["Location"] == ADMIN
    assert client.get(ADMIN).status_code == 200


def test_staff_without_one_choose_one_first(client, root):
    client.post(LOGIN, {"login": root.email})
    assert client.post(CONFIRM, {"code": mailed_code()})["Location"] == ADMIN
    assert client.get(ADMIN)["Location"] == f"{FACTORS}?next=%2Fadmin%2F"


def test_the_code_confirms_an_address_that_staff_typed_in(client, root):
    assert not EmailAddress.objects.exists()
    client.post(LOGIN, {"login": root.email})
    client.post(CONFIRM, {"code": mailed_code()})
    assert len(mail.outbox) == 1
    assert EmailAddress.objects.filter(user=root, email=root.email, verified=True, primary=True).count() == 1


def test_a_stranger_meets_the_same_pages_and_learns_by_mail(client, confirmed):
    pages = []
    for address in (confirmed.email, "eve@mail.example"):
        browser = type(client)()
        asked = browser.post(LOGIN, {"login": address})
        page = browser.get(asked["Location"]).content.decode()
        wrong = browser.post(CONFIRM, {"code": WRONG})
        pages.append((asked["Location"], without_secrets(page, address), wrong.context["form"].errors))
    assert pages[0] == pages[1]
    assert [message.subject for message in mail.outbox] == [
        "Your code to sign in",
        "No account with this address",
    ]


def without_secrets(page: str, address: str) -> list[str]:
    return [line.replace(address, "…") for line in page.splitlines() if "csrf" not in line]


def test_a_switched_off_account_gets_no_code(client, confirmed):
    confirmed.is_active = False
    confirmed.save()
    client.post(LOGIN, {"login": confirmed.email})
    assert mail.outbox[-1].subject == "No account with this address"


# ── Signing up ────────────────────────────────────────────────────────────────────────────────────────────
def test_an_address_and_its_code_make_an_account(client, db):
    page = client.get(SIGN_UP)
    assert list(page.context["form"].fields) == ["email"]
    asked = client.post(SIGN_UP, {"email": "Eve@Mail.example"})
    assert asked["Location"] == VERIFY
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["eve@mail.example"], "Your code to confirm this address")
    assert signed_in(client) is None

    assert client.post(VERIFY, {"code": mailed_code()})["Location"] == "/"
    eve = signed_in(client)
    assert (eve.email, eve.is_staff, eve.is_superuser, eve.has_usable_password()) == (
        "eve@mail.example", False, False, False,
    )  # fmt: skip
    assert not eve.groups.exists()
    assert EmailAddress.objects.get(user=eve).verified


def test_nobody_signs_up_as_more_than_themselves(client, db):
    fields = {
        "email": "eve@mail.example",
        "is_staff": "on",
        "is_superuser": "on",
        "password1": "x",
        "groups": "1",
    }
    client.post(SIGN_UP, fields)
    client.post(VERIFY, {"code": mailed_code()})
    eve = User.objects.get()
    assert (eve.is_staff, eve.is_superuser, eve.has_usable_password()) == (False, False, False)


def test_a_known_address_meets_the_same_pages_and_learns_by_mail(client, confirmed):
    pages = []
    for address in ("eve@mail.example", confirmed.email):
        browser = type(client)()
        asked = browser.post(SIGN_UP, {"email": address})
        page = browser.get(asked["Location"]).content.decode()
        wrong = browser.post(VERIFY, {"code": WRONG})
        pages.append((asked["Location"], without_secrets(page, address), wrong.context["form"].errors))
    assert pages[0] == pages[1]
    assert [(message.to, message.subject) for message in mail.outbox] == [
        (["eve@mail.example"], "Your code to confirm this address"),
        ([confirmed.email], "You have an account already"),
    ]
    assert "http://testserver/accounts/login/" in mail.outbox[-1].body
    assert User.objects.filter(email=confirmed.email).count() == 1


def test_a_new_code_replaces_the_first(client, db):
    client.post(SIGN_UP, {"email": "eve@mail.example"})
    first = mailed_code()
    client.post(VERIFY, {"action": "resend"})
    assert client.post(VERIFY, {"code": first}).context["form"].errors == {"code": ["Incorrect code."]}
    assert client.post(VERIFY, {"code": mailed_code()})["Location"] == "/"


@pytest.mark.django_db
def test_a_clinic_may_close_it(client, settings):
    settings.SIGN_UP = False
    for answer in (client.get(SIGN_UP), client.post(SIGN_UP, {"email": "eve@mail.example"})):
        assert answer.templates[0].name == "account/signup_closed.html"
    assert SIGN_UP not in client.get(LOGIN).content.decode()
    assert not User.objects.exists()
    assert mail.outbox == []


@pytest.mark.django_db
def test_the_sign_in_page_leads_to_it(client):
    assert f'href="{SIGN_UP}"' in client.get(LOGIN).content.decode()


def test_a_new_address_counts_once_its_code_is_typed(client, confirmed, sign_in):
    sign_in(confirmed)
    asked = client.post("/accounts/email/", {"action_add": "", "email": "new@mail.example"})
    assert asked["Location"] == VERIFY
    confirmed.refresh_from_db()
    assert confirmed.email == "ada@mail.example"
    client.post(VERIFY, {"code": mailed_code()})
    confirmed.refresh_from_db()
    assert confirmed.email == "new@mail.example"
    assert (mail.outbox[-1].to, mail.outbox[-1].subject) == (
        ["ada@mail.example"], "Your email address was changed",
    )  # fmt: skip


# ── How often ─────────────────────────────────────────────────────────────────────────────────────────────
def test_the_sixth_code_in_five_minutes_is_not_sent(client, confirmed):
    for _time in range(5):
        assert type(client)().post(LOGIN, {"login": confirmed.email}).status_code == 302
    refused = client.post(LOGIN, {"login": confirmed.email})
    assert refused.context["form"].errors == {"login": TOO_OFTEN["code"]}
    assert len(mail.outbox) == 5


def test_the_sixth_guess_of_a_code_is_refused_though_it_is_right(client, confirmed):
    client.post(LOGIN, {"login": confirmed.email})
    for _guess in range(4):
        assert client.post(CONFIRM, {"code": WRONG}).context["form"].errors == {"code": ["Incorrect code."]}
    assert client.post(CONFIRM, {"code": WRONG})["Location"] == "/accounts/login/code/"  # this code is spent
    client.post(LOGIN, {"login": confirmed.email})
    refused = client.post(CONFIRM, {"code": mailed_code()})
    assert refused.context["form"].errors == TOO_OFTEN
    assert signed_in(client) is None


def test_right_codes_count_for_nothing(client, confirmed):
    for _time in range(5):
        client.post(LOGIN, {"login": confirmed.email})
        assert client.post(CONFIRM, {"code": mailed_code()})["Location"] == "/"
        client.post("/accounts/logout/")


@pytest.mark.parametrize("address", ["eve@mail.example", "ada@mail.example"])
def test_the_sixth_sign_up_with_an_address_is_refused_known_or_not(address, client, confirmed):
    for _time in range(5):
        assert type(client)().post(SIGN_UP, {"email": address})["Location"] == VERIFY
    refused = type(client)().post(SIGN_UP, {"email": address})
    assert (refused.status_code, refused.templates[0].name) == (429, "429.html")
    assert len(mail.outbox) == 5


def test_the_sixth_guess_is_refused_whichever_page_asks(client, db):
    client.post(SIGN_UP, {"email": "eve@mail.example"})
    for _guess in range(4):
        assert client.post(VERIFY, {"code": WRONG}).context["form"].errors == {"code": ["Incorrect code."]}
    assert client.post(VERIFY, {"code": WRONG})["Location"] == LOGIN
    client.post(LOGIN, {"login": "eve@mail.example"})
    assert client.post(CONFIRM, {"code": mailed_code()}).context["form"].errors == TOO_OFTEN
    assert signed_in(client) is None
    assert not EmailAddress.objects.filter(verified=True).exists()


def test_who_never_finished_signing_up_may_sign_in_all_the_same(client, db):
    client.post(SIGN_UP, {"email": "eve@mail.example"})
    later = type(client)()
    later.post(SIGN_UP, {"email": "eve@mail.example"})
    assert mail.outbox[-1].subject == "You have an account already"
    later.post("/accounts/logout/")
    later.post(LOGIN, {"login": "eve@mail.example"})
    assert later.post(CONFIRM, {"code": mailed_code()})["Location"] == "/"
    assert EmailAddress.objects.get(user=signed_in(later)).verified


def test_the_thirty_first_sign_up_in_a_minute_from_one_place_is_refused(client, db):
    for number in range(30):
        assert client.post(SIGN_UP, {"email": f"eve{number}@mail.example"}).status_code == 302
        client.post("/accounts/logout/")
    assert client.post(SIGN_UP, {"email": "eve30@mail.example"}).status_code == 429
    assert len(mail.outbox) == 30


def test_behind_a_proxy_each_visitor_counts_alone(client, db, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(30):
        client.post(SIGN_UP, {"email": f"eve{number}@mail.example"}, headers={"X-Forwarded-For": "192.0.2.1"})
        client.post("/accounts/logout/")
    elsewhere = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}  # the first is what the visitor claims
    assert client.post(SIGN_UP, {"email": "eve30@mail.example"}, headers=elsewhere).status_code == 302


def test_the_sixth_guess_of_a_second_factor_is_refused(client, root, inside, sign_in):
    secret = inside(root)
    client.post("/accounts/logout/")
    sign_in(root)
    for _guess in range(5):
        client.post(f"{FACTORS}authenticate/", {"code": "000000"})
    refused = client.post(f"{FACTORS}authenticate/", {"code": code(secret)})
    assert refused.context["form"].errors == TOO_OFTEN
    assert signed_in(client) is None
    assert Authenticator.objects.filter(user=root).count() == 2
