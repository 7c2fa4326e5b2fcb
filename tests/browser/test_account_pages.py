"""The account's pages in a real Chromium: each of them in both widths and both themes, with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.urls import reverse

from careops.access.models import User
from tests.access.conftest import code, mailed_code
from tests.browser.conftest import overflow
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NEW_PASSWORD = "another-long-and-calm-phrase"
Look = Callable[[str], None]
#: In the dark only the colours change.
RULES = {"light": None, "dark": {"runOnly": ["color-contrast"]}}


@pytest.fixture(autouse=True)
def a_clinic(settings: Any) -> None:
    """No demo, and nobody has tried anything yet."""
    settings.DEMO = False
    cache.clear()


@pytest.fixture
def root_confirmed(root: User) -> User:
    EmailAddress.objects.create(user=root, email=root.email, verified=True, primary=True)
    return root


def go(page: Any, name: str, *args: Any) -> None:
    page.goto(reverse(name, args=args))


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def fill(page: Any, **fields: str) -> None:
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(value)


def device(page: Any) -> Callable[..., None]:
    """Give the page's computer a fingerprint reader; the answer changes it: ``device(isUserVerified=False)``."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return lambda **change: session.send("WebAuthn.setUserVerified", {**added, **change})


def inspect(page: Any) -> Look:
    """``look("sign in")``: in both themes the page breaks no accessibility rule, is no wider than the window, and
    complains of nothing."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def look(name: str) -> None:
        for theme, options in RULES.items():
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            found = axe.run(page, options=options).response["violations"]
            wrong = [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]]
            assert (name, theme, wrong) == (name, theme, [])
        assert (name, overflow(page)) == (name, 0)
        asked_for = "429 (Too Many Requests)"
        assert (name, [told for told in page.troubles if asked_for not in told]) == (name, [])

    return look


def the_door(page: Any, look: Look, user: User, settings: Any) -> None:
    """Every page somebody meets who is not signed in."""
    go(page, "account_login")
    look("sign in")
    fill(page, Email=user.email)
    press(page, "Use my password")
    look("sign in by password")
    fill(page, Password="wrong")
    press(page, "Sign in")
    look("wrong password")
    page.get_by_role("button", name="Other ways to sign in").click()
    fill(page, Email=user.email)
    press(page, "Email me a code")
    look("code to sign in")
    fill(page, Code="0000-0000")
    press(page, "Sign in")
    look("wrong code")
    press(page, "Start again")
    go(page, "account_request_login_code")
    look("ask for a code")
    _sign_up(page, look)
    _forgotten_password(page, look, user)
    go(page, "account_inactive")
    look("switched off")
    settings.SIGN_UP = False
    go(page, "account_signup")
    look("sign-up closed")


def _sign_up(page: Any, look: Look) -> None:
    go(page, "account_signup")
    look("sign up")
    fill(page, Email="eve@mail.example")
    press(page, "Email me a code")
    look("code to sign up")
    press(page, "Send a new code")
    look("another code")
    press(page, "Start again")


def _forgotten_password(page: Any, look: Look, user: User) -> None:
    go(page, "account_reset_password")
    look("forgotten password")
    fill(page, Email=user.email)
    press(page, "Email me a link")
    look("link sent")
    link = re.search(r"http://\S+", mail.outbox[-1].body)[0]
    page.goto(link)
    look("new password")
    fill(page, New_Password=NEW_PASSWORD, **{"New Password (again)": "another"})
    press(page, "Set the password")
    look("two different passwords")
    fill(page, New_Password=NEW_PASSWORD, **{"New Password (again)": NEW_PASSWORD})
    press(page, "Set the password")
    look("password set")
    page.goto(link)
    look("used link")
    for _time in range(5):
        go(page, "account_reset_password")
        fill(page, Email=user.email)
        press(page, "Email me a link")
    page.get_by_role("heading", name="That was too often").wait_for()
    look("too often")


def one_s_own(page: Any, look: Look, user: User) -> None:
    """Every page of one's own account, from the first sign-in to the second factor at the next."""
    go(page, "account_login")
    fill(page, Email=user.email)
    press(page, "Use my password")
    fill(page, Password=PASSWORD)
    press(page, "Sign in")
    page.wait_for_url("**/accounts/2fa/**")
    look("no second factor yet")
    _app(page, look)
    _passkey(page, look)
    go(page, "account_change_password")
    look("change password")
    go(page, "account_email")
    look("email address")
    fill(page, **{"New email address": "new@clinic.example"})
    press(page, "Change email address")
    look("code for the new address")
    for name in ("account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"):
        go(page, name)
        look(name)
    go(page, "account_logout")
    look("sign out")
    press(page, "Sign out")
    _next_time(page, look, user)


def _app(page: Any, look: Look) -> None:
    page.get_by_role("button", name="Set up").click()
    look("set up an app")
    fill(page, Authenticator_code="000000")
    press(page, "Activate")
    look("wrong code of the app")
    secret = page.locator(".secret").text_content()
    fill(page, Authenticator_code=code(secret))
    press(page, "Activate")
    look("recovery codes")
    go(page, "mfa_generate_recovery_codes")
    look("make new codes")
    go(page, "mfa_deactivate_totp")
    look("deactivate the app")


def _passkey(page: Any, look: Look) -> None:
    go(page, "mfa_list_webauthn")
    look("no passkeys")
    go(page, "mfa_add_webauthn")
    look("add a passkey")
    press(page, "Make the passkey")
    page.get_by_text("The passkey is added.").wait_for()
    look("how one signs in")
    go(page, "mfa_list_webauthn")
    look("passkeys")
    page.get_by_role("link", name="Rename Passkey").click()
    look("rename a passkey")
    fill(page, Name="my phone")
    press(page, "Save")
    page.get_by_role("link", name="Remove my phone").click()
    look("remove a passkey")


def _next_time(page: Any, look: Look, user: User) -> None:
    go(page, "account_login")
    fill(page, Email=user.email)
    press(page, "Use my password")
    fill(page, Password=PASSWORD)
    press(page, "Sign in")
    look("second factor")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_at_the_door(width, at_door, root_confirmed, settings):
    page = at_door(width)
    the_door(page, inspect(page), root_confirmed, settings)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_of_ones_own_account(width, at_door, root_confirmed):
    page = at_door(width)
    device(page)
    one_s_own(page, inspect(page), root_confirmed)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_that_sets_a_first_password(width, at_browser, root_confirmed):
    root_confirmed.set_unusable_password()
    root_confirmed.save()
    page = at_browser(root_confirmed, width)
    go(page, "account_change_password")
    inspect(page)("set a password")


def test_a_patient_signs_up_and_in_without_any_script(at_door, db):
    page = at_door(390, java_script_enabled=False)
    go(page, "account_login")
    assert not page.get_by_role("button", name="Use a passkey").is_visible()
    page.get_by_role("link", name="Make an account").click()
    fill(page, Email="eve@mail.example")
    press(page, "Email me a code")
    fill(page, Code=mailed_code())
    press(page, "Confirm")
    assert_signed_in(page, "eve@mail.example")

    sign_out(page)
    fill(page, Email="eve@mail.example")
    press(page, "Email me a code")
    fill(page, Code=mailed_code())
    press(page, "Sign in")
    assert_signed_in(page, "eve@mail.example")

    go(page, "account_change_password")
    fill(page, Password=NEW_PASSWORD, **{"Password (again)": NEW_PASSWORD})
    press(page, "Set the password")
    page.get_by_text("Your password is set.").wait_for()
    sign_out(page)
    fill(page, Email="eve@mail.example")
    press(page, "Use my password")
    fill(page, Password=NEW_PASSWORD)
    press(page, "Sign in")
    assert_signed_in(page, "eve@mail.example")

    go(page, "mfa_add_webauthn")
    assert page.get_by_text("Passkeys do not work in this browser.").is_visible()
    assert not page.get_by_role("button", name="Make the passkey").is_visible()
    assert page.troubles == []


def sign_out(page: Any) -> None:
    go(page, "account_logout")
    press(page, "Sign out")
    go(page, "account_login")


def assert_signed_in(page: Any, address: str) -> None:
    go(page, "account_email")
    page.get_by_text(f"You sign in as {address}.").wait_for()


def test_staff_make_a_passkey_and_sign_in_with_nothing_else(at_door, root_confirmed):
    page = at_door(390)
    set_device, look = device(page), inspect(page)
    go(page, "account_login")
    fill(page, Email=root_confirmed.email)
    press(page, "Email me a code")
    fill(page, Code=mailed_code())
    press(page, "Sign in")
    page.wait_for_url("**/accounts/2fa/**")

    page.get_by_role("button", name="Add a passkey").click()
    fill(page, Name="work laptop")
    press(page, "Make the passkey")
    page.wait_for_url("**/recovery-codes/")
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/admin/")

    sign_out(page)
    press(page, "Use a passkey")
    page.wait_for_url("**/admin/")

    sign_out(page)
    set_device(isUserVerified=False)  # the wrong finger
    press(page, "Use a passkey")
    page.get_by_text("That did not work.").wait_for()
    look("the wrong finger")
    set_device(isUserVerified=True)

    fill(page, Email=root_confirmed.email)
    press(page, "Use my password")
    fill(page, Password=PASSWORD)
    press(page, "Sign in")
    look("a passkey as second factor")
    press(page, "Use my passkey")
    page.wait_for_url("**/admin/")

    go(page, "mfa_reauthenticate_webauthn")
    press(page, "Use my passkey")
    page.wait_for_url("**/admin/")
    go(page, "mfa_index")
    page.get_by_text("Last used on").wait_for()
    assert page.troubles == []
