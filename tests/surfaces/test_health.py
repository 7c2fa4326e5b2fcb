"""What a load balancer asks, and the front door."""

from __future__ import annotations

import pytest
from django.urls import reverse

from workflows.models import Drainer

pytestmark = pytest.mark.django_db


def test_healthz_answers_while_the_database_does(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readyz_wants_the_schema_and_a_living_drain(client):
    assert client.get("/readyz").json() == {"status": "missing", "missing": ["drain"]}
    assert client.get("/readyz").status_code == 503
    Drainer.objects.create(name="here:1:default", lane="default")
    assert client.get("/readyz").json() == {"status": "ok", "missing": []}


def test_readyz_notices_a_schema_that_is_behind(client, monkeypatch):
    from django.db.migrations.executor import MigrationExecutor

    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *args, **kwargs: ["one"])
    assert client.get("/readyz").json()["missing"] == ["migrations"]


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/"])
def test_only_safe_methods(client, address):
    assert client.post(address).status_code == 405


def test_staff_go_to_their_work_and_others_to_the_sign_in_page(client, at_desk, nia):
    assert at_desk(nia).get("/").url == reverse("admin:index")
    assert client.get("/").url == reverse("account_login")


def test_the_staff_area_has_one_sign_in_page(client):
    assert client.get("/admin/login/").url.startswith("/accounts/login/")
