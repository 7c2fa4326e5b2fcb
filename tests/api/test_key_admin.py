"""Making, rotating and revoking keys in the staff area: shown once, proven again, written down."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.utils import timezone

from careops.access.models import ApiKey, AuditEntry
from tests.api.support import Caller, make_key
from tests.surfaces.support import page

pytestmark = pytest.mark.django_db

ADD, LIST = "/admin/access/apikey/add/", "/admin/access/apikey/"
SECRET = re.compile(r"co_live_[a-z0-9]{8}_[\w-]{43}")


def asked(**changes: Any) -> dict[str, Any]:
    day = (timezone.now() + timedelta(days=90)).date().isoformat()
    granted = ["patients.view_task", "patients.complete_task"]
    return {"name": "Billing export", "expires_on": day, "permissions": granted} | changes


def secrets_in(response: Any) -> set[str]:
    return set(SECRET.findall(response.content.decode()))


def stale(client: Any) -> None:
    session = client.session
    for record in (records := session["account_authentication_methods"]):
        record["at"] -= 600
    session["account_authentication_methods"] = records
    session.save()


def test_a_key_is_made_and_shown_once(olga: Any, at_desk: Any) -> None:
    client = at_desk(olga)
    made = client.post(ADD, asked())
    assert made.status_code == 200
    (secret,) = secrets_in(made)
    assert "no-store" in made["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.name, key.owner, key.permissions) == (
        "Billing export", olga, ["patients.complete_task", "patients.view_task"],
    )  # fmt: skip
    assert Caller(secret).get("/api/v1/tasks/").status_code == 200
    for url in (LIST, page(key)):
        assert secrets_in(client.get(url)) == set()
    entry = AuditEntry.objects.get(subject_type="access.ApiKey")
    assert (entry.act, entry.reason, entry.subject_ids) == ("secret", "made", [str(key.pk)])


def test_loading_the_page_with_the_secret_again_makes_no_second_key(olga: Any, at_desk: Any) -> None:
    client = at_desk(olga)
    key_id = str(client.get(ADD).context["form"]["key_id"].value())
    assert len(secrets_in(client.post(ADD, asked(key_id=key_id)))) == 1
    again = client.post(ADD, asked(key_id=key_id))
    assert secrets_in(again) == set()
    assert "This key is made already, and its secret was shown." in again.content.decode()
    assert [str(key.pk) for key in ApiKey.objects.all()] == [key_id]


def test_what_it_may_is_offered_in_plain_words(olga: Any, at_desk: Any) -> None:
    form = at_desk(olga).get(ADD).context["form"]
    offered = {noun: dict(words) for noun, words in form.fields["permissions"].choices}
    assert list(offered["Tasks"].values()) == [
        "See",
        "Create",
        "Edit",
        "Cancel",
        "Complete",
        "Reopen",
        "Start",
    ]
    assert offered["Orders"]["orders.charge_order"] == "Charge, Payment failed"
    assert "Lab reports" not in offered  # operations may not see them, so they cannot give them away


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"permissions": ["patients.complete_task"]},
            "Nothing can be done unseen: tick “See” as well for Tasks.",
        ),
        ({"permissions": ["labs.view_report"]}, "labs.view_report is not one of the available choices"),
        ({"expires_on": "2020-01-01"}, "A key expires within twelve months."),
        ({"expires_on": "2099-01-01"}, "A key expires within twelve months."),
        ({"name": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_made_says_why(olga: Any, at_desk: Any, changes: Any, complaint: str) -> None:
    refused = at_desk(olga).post(ADD, asked(**changes))
    assert complaint in unescape(refused.content.decode())
    assert ApiKey.objects.count() == 0


def test_making_and_rotating_ask_who_it_is_again(olga: Any, at_desk: Any) -> None:
    client = at_desk(olga)
    key, _secret = make_key(olga, ["patients.view_task"])
    stale(client)
    for url in (ADD, page(key, "rotate")):
        assert client.get(url)["Location"].startswith("/accounts/reauthenticate/")
        assert client.post(url, asked())["Location"].startswith("/accounts/reauthenticate/")
    assert ApiKey.objects.get().hash == key.hash


def test_rotating_shows_a_new_secret_and_keeps_the_old_for_the_chosen_time(olga: Any, at_desk: Any) -> None:
    key, secret = make_key(olga, ["patients.view_task"])
    rotated = at_desk(olga).post(page(key, "rotate"), {"overlap": "168", "replaces": key.secret_id})
    (fresh,) = secrets_in(rotated)
    assert fresh != secret
    assert Caller(secret).get("/api/v1/tasks/").status_code == 200
    ends = ApiKey.objects.get().previous_until
    assert ends is not None
    assert abs(ends - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)


def test_loading_the_page_with_the_secret_again_rotates_no_more(olga: Any, at_desk: Any) -> None:
    """The overlap would be gone: the old secret is then two secrets away."""
    key, secret = make_key(olga, ["patients.view_task"])
    client, url = at_desk(olga), page(key, "rotate")
    asked = {"overlap": "24", "replaces": client.get(url).context["form"]["replaces"].value()}
    (fresh,) = secrets_in(client.post(url, asked))
    again = client.post(url, asked)
    assert secrets_in(again) == set()
    assert "The key got a new secret since this page was opened." in again.content.decode()
    assert secrets_in(client.post(url, {"overlap": "24"})) == set()
    assert [Caller(one).get("/api/v1/tasks/").status_code for one in (secret, fresh)] == [200, 200]
    assert AuditEntry.objects.filter(reason="rotated").count() == 1


def test_revoking_needs_no_second_look_at_the_telephone(sam: Any, root: Any, at_desk: Any) -> None:
    """Security revokes any key, and rotates none that may more than they."""
    key, secret = make_key(root, ["patients.view_task"])
    client = at_desk(sam)
    stale(client)
    shown = client.get(page(key)).content.decode()
    assert ("Revoke" in shown, "New secret" in shown) == (True, False)
    client.post(page(key, "revoke"))
    assert Caller(secret).get("/api/v1/tasks/").status_code == 401
    assert ApiKey.objects.get().revoked_at is not None


@pytest.mark.parametrize("person", ["nia", "omar"])
def test_others_do_not_come_near(request: Any, root: Any, at_desk: Any, person: str) -> None:
    key, _secret = make_key(root)
    client = at_desk(request.getfixturevalue(person))
    for url in (ADD, LIST, page(key), page(key, "rotate"), page(key, "revoke")):
        assert client.get(url).status_code == 403
    assert client.post(page(key, "revoke")).status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_security_makes_none(sam: Any, at_desk: Any) -> None:
    assert at_desk(sam).get(ADD).status_code == 403


def test_the_list_takes_the_same_queries_for_one_and_for_twenty(
    root: Any, at_desk: Any, django_assert_num_queries: Any
) -> None:
    client = at_desk(root)
    make_key(root)
    client.get(LIST)
    with django_assert_num_queries(5) as counted:
        client.get(LIST)
    for number in range(19):
        make_key(root, ["patients.view_task"], name=f"Key {number}")
    with django_assert_num_queries(len(counted)):
        client.get(LIST)
