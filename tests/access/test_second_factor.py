"""No page of the staff area without a second factor, by a real sign-in and a real authenticator code."""

from __future__ import annotations

import json

import pytest
from allauth.mfa.models import Authenticator
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve, reverse

from careops.access import second_factor
from careops.access.actor import Actor
from careops.access.adapters import MFAAdapter
from careops.access.middleware import SecondFactorForStaff
from careops.access.models import AuditEntry
from tests.access.conftest import ACTIVATE, ADD_PASSKEY, ADMIN, FACTORS, REAUTHENTICATE, code

USERS = "/admin/access/user/"


def test_staff_without_one_are_sent_to_enrol(client, root, sign_in):
    assert sign_in(root) == ADMIN
    for page in (ADMIN, USERS, f"{USERS}{root.pk}/change/", "/admin/no-such-page/", "/"):
        response = client.get(page)
        assert (response.status_code, response["Location"]) == (
            302,
            f"{FACTORS}?next={page.replace('/', '%2F')}",
        )
    choice = client.get(FACTORS).content.decode()
    assert f'href="{ACTIVATE}"' in choice
    assert f'href="{ADD_PASSKEY}"' in choice
    for page in (ACTIVATE, ADD_PASSKEY, FACTORS, "/accounts/email/", "/accounts/password/change/"):
        assert client.get(page).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_enrolling_opens_the_staff_area_at_once(client, root, sign_in):
    sign_in(root)
    client.post(ACTIVATE, {"code": code(client.get(ACTIVATE).context["form"].secret)})
    assert client.get(ADMIN).status_code == 200
    assert client.get(USERS).status_code == 200


def test_the_next_sign_in_asks_for_the_code(client, root, inside, sign_in):
    secret = inside(root)
    client.post("/accounts/logout/")
    assert sign_in(root, USERS) == "/accounts/2fa/authenticate/"
    assert client.get(ADMIN)["Location"] == "/admin/login/?next=/admin/"

    refused = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert refused.context["form"].errors == {"code": ["Incorrect code."]}
    accepted = client.post("/accounts/2fa/authenticate/", {"code": code(secret)})
    assert accepted["Location"] == USERS
    assert client.get(USERS).status_code == 200


def test_a_recovery_code_lets_in_once(client, root, inside, sign_in):
    inside(root)
    recovery = Authenticator.objects.get(user=root, type="recovery_codes").wrap().get_unused_codes()[0]
    client.post("/accounts/logout/")
    sign_in(root)
    assert client.post("/accounts/2fa/authenticate/", {"code": recovery})["Location"] == ADMIN
    client.post("/accounts/logout/")
    sign_in(root)
    assert client.post("/accounts/2fa/authenticate/", {"code": recovery}).status_code == 200


def test_a_session_that_knows_the_password_only_cannot_touch_the_factor(client, root, sign_in):
    """A thief signed in with the password before the owner enrolled: the factor is beyond their reach."""
    sign_in(root)
    Authenticator.objects.create(
        user=root, type="totp", data={"secret": MFAAdapter().encrypt("JBSWY3DPEHPK3PXP")}
    )
    for page in (ADMIN, "/accounts/2fa/", "/accounts/2fa/totp/deactivate/", "/accounts/email/"):
        assert client.get(page)["Location"] == f"{REAUTHENTICATE}?next={page.replace('/', '%2F')}"
    assert client.post("/accounts/2fa/totp/deactivate/")["Location"] == REAUTHENTICATE
    assert Authenticator.objects.filter(user=root).count() == 1

    client.post(REAUTHENTICATE, {"code": code("JBSWY3DPEHPK3PXP")})
    assert client.get(ADMIN).status_code == 200


def test_programs_are_refused_in_the_error_shape_of_the_api(client, root, sign_in, rf):
    sign_in(root)
    problem = {"type": "about:blank", "title": "Set up a second factor first.", "status": 403}
    asked_for_json = client.get(USERS, headers={"Accept": "application/json"})

    request = rf.get("/api/v1/patients/")
    request.user, request.session, request.resolver_match = root, client.session, resolve("/")
    under_api = SecondFactorForStaff(lambda request: HttpResponse()).process_view(request)

    for answer in (asked_for_json, under_api):
        assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
        assert json.loads(answer.content) == problem


def test_a_dialog_of_the_staff_area_is_led_out_as_a_whole(client, root, sign_in):
    sign_in(root)
    answer = client.post(f"{USERS}{root.pk}/reset-second-factor", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, FACTORS)


def test_patients_need_none(client, ada_signs_in, sign_in):
    assert sign_in(ada_signs_in) == "/"
    assert client.get("/accounts/2fa/").status_code == 200
    assert client.get(ADMIN)["Location"].startswith("/admin/login/")
    assert client.get("/admin/login/").status_code == 403


def test_the_demo_waives_it_for_this_machine_only(client, root, sign_in, settings):
    sign_in(root)
    settings.DEMO = True
    assert client.get(ADMIN).status_code == 200
    assert client.get(ADMIN, REMOTE_ADDR="::1").status_code == 200
    assert client.get(ADMIN, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_reset_reaches_open_sessions(client, root, inside):
    inside(root)
    second_factor.reset(root, by=Actor.system())
    assert client.get(ADMIN)["Location"] == f"{FACTORS}?next=%2Fadmin%2F"


def test_a_switched_off_person_is_out_at_once(client, root, inside):
    inside(root)
    root.is_active = False
    root.save()
    assert client.get(ADMIN)["Location"] == "/admin/login/?next=/admin/"


@pytest.mark.parametrize("kind", ["totp", "recovery_codes"])
def test_seeds_are_stored_encrypted(kind, root, inside, settings):
    secret = inside(root)
    data = Authenticator.objects.get(user=root, type=kind).data
    stored = data["secret"] if kind == "totp" else data["seed"]
    assert stored.startswith("gAAAA")
    assert secret not in str(data)
    if kind == "totp":
        assert MFAAdapter().decrypt(stored) == secret
    settings.FIELD_KEYS = ["bmV3LWtleS1uZXcta2V5LW5ldy1rZXktbmV3LWtleS0=", *settings.FIELD_KEYS]
    assert MFAAdapter().decrypt(stored)  # a new key in front leaves old values readable


@pytest.mark.django_db
class TestReset:
    def url(self, user) -> str:
        return reverse("admin:access_user_reset_second_factor", args=[user.pk])

    def test_needs_a_post(self, client: Client, sam, omar, inside):
        inside(sam)
        Authenticator.objects.create(user=omar, type="totp", data={"secret": "x"})
        page = client.get(f"{USERS}{omar.pk}/change/").content.decode()
        assert self.url(omar) in page
        assert client.get(self.url(omar)).status_code == 200
        assert Authenticator.objects.filter(user=omar).count() == 1

        answer = client.post(self.url(omar), {"_form_submitted": "1"})
        assert answer["Location"] == f"{USERS}{omar.pk}/change/"
        assert not Authenticator.objects.filter(user=omar).exists()
        entry = AuditEntry.objects.get(act="secret")
        assert (entry.actor_kind, entry.actor_id) == ("staff", str(sam.pk))
        assert (entry.subject_type, entry.subject_ids) == ("access.User", [str(omar.pk)])
        assert entry.reason == "second factor reset"

    def test_of_a_superuser_is_for_superusers(self, client: Client, sam, root, inside):
        inside(sam)
        Authenticator.objects.create(user=root, type="totp", data={"secret": "x"})
        assert client.post(self.url(root), {"_form_submitted": "1"}).status_code == 403
        assert Authenticator.objects.filter(user=root).count() == 1

    def test_asks_who_signed_in_long_ago_to_prove_it_again(self, client: Client, sam, omar, inside):
        inside(sam)
        Authenticator.objects.create(user=omar, type="totp", data={"secret": "x"})
        session = client.session
        for record in session["account_authentication_methods"]:
            record["at"] -= 301
        session.save()
        answer = client.post(self.url(omar), {"_form_submitted": "1"}, headers={"HX-Request": "true"})
        assert (
            answer["HX-Redirect"]
            == f"/accounts/reauthenticate/?next=%2Fadmin%2Faccess%2Fuser%2F{omar.pk}%2Fchange%2F"
        )
        assert Authenticator.objects.filter(user=omar).count() == 1
        password_page = f"{USERS}{omar.pk}/password/"
        assert client.get(password_page)["Location"].startswith("/accounts/reauthenticate/?next=")

    def test_needs_the_permission(self, client: Client, nia, omar, inside):
        inside(nia)
        Authenticator.objects.create(user=omar, type="totp", data={"secret": "x"})
        assert client.post(self.url(omar), {"_form_submitted": "1"}).status_code == 403
