"""A key opens what it was given, until it expires, is rotated away, or is revoked; its secret is told once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from careops.access import api_keys, roles
from careops.access.actor import Actor
from careops.access.models import ApiKey, AuditEntry
from careops.surfaces.timeline import timeline
from patients.models import Task
from tests.api.support import Caller, make_key

pytestmark = pytest.mark.django_db

TASKS = "/api/v1/tasks/"


def in_days(days: float) -> datetime:
    return timezone.now() + timedelta(days=days)


def test_a_key_sees_what_it_was_given_and_nothing_else(with_key: Any) -> None:
    caller = with_key("patients.view_task")
    assert caller.get(TASKS).status_code == 200
    refused = caller.get("/api/v1/patients/")
    assert refused.status_code == 403
    assert refused.json()["detail"] == "“list” needs the permission patients.view_patient."


def test_the_secret_is_256_bits_and_only_its_hash_is_kept(root: Any) -> None:
    key, secret = make_key(root)
    assert secret.startswith(f"{key.prefix}_")
    assert str(key) == f"{key.prefix}…"
    assert key.prefix.startswith("co_live_")
    assert len(secret) == len(key.prefix) + 1 + 43
    row = ApiKey.objects.filter(pk=key.pk).values().get()
    assert not [name for name, value in row.items() if isinstance(value, str) and secret[17:] in value]
    assert len(row["hash"]) == 64


def test_a_key_is_no_more_than_its_maker_and_the_ceiling(olga: Any) -> None:
    assert not Actor.of(olga).has_perm("labs.view_report")
    for greedy in ("labs.view_report", "workflows.publish_automation", "access.view_user"):
        with pytest.raises(api_keys.Refused, match="what you do not hold"):
            make_key(olga, ["patients.view_task", greedy])
    assert ApiKey.objects.count() == 0
    assert AuditEntry.objects.count() == 0
    key, _secret = make_key(olga, ["patients.view_task"])
    assert (key.owner, key.permissions) == (olga, ["patients.view_task"])


def test_lowering_the_ceiling_reaches_keys_that_exist(with_key: Any, monkeypatch: Any) -> None:
    caller = with_key("patients.view_task")
    monkeypatch.setattr(roles, "INTEGRATOR", roles.INTEGRATOR - {"patients.view_task"})
    assert caller.get(TASKS).status_code == 403


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_a_key_expires_within_twelve_months(root: Any, days: int) -> None:
    with pytest.raises(api_keys.Refused, match="within twelve months"):
        api_keys.issue(name="Export", permissions=[], expires_at=in_days(days), by=Actor.of(root))
    assert ApiKey.objects.count() == 0


def test_an_expired_key_opens_nothing(partner: Caller) -> None:
    ApiKey.objects.update(created_at=in_days(-2), expires_at=in_days(-1))
    refused = partner.get(TASKS)
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"] == 'Bearer realm="careops"'


def test_travelling_in_time_ends_no_key(partner: Caller, travel: Any) -> None:
    travel(timedelta(days=60))
    assert partner.get(TASKS).status_code == 200


def test_a_revoked_key_opens_nothing_at_once(partner: Caller, root: Any) -> None:
    assert partner.get(TASKS).status_code == 200
    api_keys.revoke(partner.key, by=Actor.of(root))
    api_keys.revoke(partner.key, by=Actor.of(root))
    assert partner.get(TASKS).status_code == 401
    assert list(AuditEntry.objects.filter(act="secret").order_by("id").values_list("reason", flat=True)) == [
        "made",
        "revoked",
    ]


def test_while_a_key_is_rotated_both_secrets_work(partner: Caller, root: Any) -> None:
    key, fresh = api_keys.rotate(partner.key, by=Actor.of(root))
    newer = Caller(fresh)
    assert key.previous_until is not None
    assert abs(key.previous_until - in_days(1)) < timedelta(minutes=1)
    assert [partner.get(TASKS).status_code, newer.get(TASKS).status_code] == [200, 200]

    ApiKey.objects.update(previous_until=in_days(-0.001))
    assert [partner.get(TASKS).status_code, newer.get(TASKS).status_code] == [401, 200]


def test_revoking_a_rotated_key_ends_both_secrets(partner: Caller, root: Any) -> None:
    key, fresh = api_keys.rotate(partner.key, by=Actor.of(root), overlap=timedelta(days=7))
    api_keys.revoke(key, by=Actor.of(root))
    assert [partner.get(TASKS).status_code, Caller(fresh).get(TASKS).status_code] == [401, 401]
    with pytest.raises(api_keys.Refused, match="works no more"):
        api_keys.rotate(key, by=Actor.of(root))


def test_nobody_rotates_a_key_that_may_more_than_they(root: Any, olga: Any) -> None:
    key, _secret = make_key(root, ["labs.view_report"])
    with pytest.raises(api_keys.Refused, match="what you do not hold"):
        api_keys.rotate(key, by=Actor.of(olga))
    with pytest.raises(api_keys.Refused, match="seven days"):
        api_keys.rotate(key, by=Actor.of(root), overlap=timedelta(days=8))
    assert ApiKey.objects.get().hash == key.hash


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer nonsense",
        "Basic dXNlcjpwYXNz",
        "Bearer co_live_aaaaaaaa_" + "a" * 43,
        "Bearer \xff\x00é",
    ],
)
def test_what_is_no_key_is_refused(db: None, client: Any, header: str) -> None:
    assert client.get(TASKS, headers={"Authorization": header}).status_code == 401


def test_a_key_with_one_letter_wrong_is_refused(partner: Caller) -> None:
    last = "A" if partner.secret[-1] != "A" else "B"
    assert Caller(partner.secret[:-1] + last).get(TASKS).status_code == 401


def test_use_is_noted_once_a_minute(partner: Caller, django_assert_num_queries: Any) -> None:
    partner.get(TASKS)
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    with django_assert_num_queries(3):  # the key, the count, the list
        partner.get(TASKS)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=in_days(-1))
    partner.get(TASKS)
    assert ApiKey.objects.get().last_used_at >= first


def test_a_key_comes_alone(nia: Any, at_desk: Any, with_key: Any) -> None:
    """A cookie beside the header neither helps a weak key nor stands in a good one's way."""
    weak = with_key("patients.view_practitioner")
    weak.client = at_desk(nia)
    assert weak.client.get(TASKS).status_code == 200
    assert weak.get(TASKS).status_code == 403
    assert weak.client.get(TASKS, headers={"Authorization": "Bearer wrong"}).status_code == 401

    good = with_key("patients.view_task")
    good.client.force_login(nia)  # a session without its second factor
    assert good.client.get(TASKS).status_code == 403
    assert good.get(TASKS).status_code == 200


def test_staff_with_both_factors_use_their_session(nia: Any, as_staff: Any) -> None:
    assert as_staff(nia).get(TASKS).status_code == 200


def test_a_session_without_the_second_factor_gets_nothing(nia: Any, client: Any, settings: Any) -> None:
    settings.DEMO = False
    client.force_login(nia)
    refused = client.get(TASKS)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")


def test_patients_are_sent_to_their_own_pages(ada_signs_in: Any, client: Any) -> None:
    client.force_login(ada_signs_in)
    refused = client.get(TASKS)
    assert refused.status_code == 403
    assert "Your own pages" in refused.json()["detail"]


def test_a_session_needs_the_csrf_token_to_write(nia: Any, at_desk: Any) -> None:
    client = at_desk(nia, enforce_csrf_checks=True)
    refused = client.post(TASKS, {"title": "Call"}, content_type="application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]


def test_a_token_in_the_body_is_none(nia: Any, at_desk: Any, settings: Any) -> None:
    client = at_desk(nia, enforce_csrf_checks=True)
    client.cookies[settings.CSRF_COOKIE_NAME] = "x" * 32
    assert client.post(TASKS, {"csrfmiddlewaretoken": "x" * 32}).status_code == 403
    header = {"X-CSRFToken": "x" * 32}
    written = client.post(TASKS, {"title": "Call"}, content_type="application/json", headers=header)
    assert written.status_code == 201


def test_a_secret_stands_in_no_log(partner: Caller, caplog: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        partner.get(TASKS)
        partner.get("/api/v1/nothing/")
        Caller(partner.secret[:-2] + "xx").get(TASKS)
    assert partner.secret[17:30] not in caplog.text


def test_what_a_key_did_stands_on_the_timeline_under_its_name(partner: Caller, root: Any) -> None:
    task = partner.post(TASKS, {"title": "Call"}).json()
    (entry,) = timeline(Task.objects.get(pk=task["id"]), root).entries
    assert entry.who == "integration “Partner”"
