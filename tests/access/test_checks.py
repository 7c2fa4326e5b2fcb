"""What must hold before CareOps starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured

from careops.access import checks, roles

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``demo(hosts, **database)``: the settings of a demo, or of what claims to be one."""

    def demo(hosts: Sequence[str] = LOOPBACK, on: bool = True, **database: object) -> None:
        databases = {"default": {"HOST": "", "OPTIONS": {}, **database}}
        monkeypatch.setattr(
            checks, "settings", SimpleNamespace(DEMO=on, ALLOWED_HOSTS=hosts, DATABASES=databases)
        )

    return demo


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1", "/var/run/postgresql"])
def test_the_demo_runs_beside_a_local_database(host, demo):
    demo(HOST=host)
    checks.refuse_exposed_demo()


@pytest.mark.parametrize(
    ("database", "named"),
    [
        ({"HOST": "db.clinic.example"}, "db.clinic.example"),
        ({"HOST": "10.0.0.5"}, "10.0.0.5"),
        ({"HOST": "localhost,10.0.0.5"}, "10.0.0.5"),
        ({"HOST": "localhost", "OPTIONS": {"hostaddr": "10.0.0.5"}}, "10.0.0.5"),
        ({"OPTIONS": {"host": "db.clinic.example"}}, "db.clinic.example"),
        ({"OPTIONS": {"service": "clinic"}}, "of service clinic"),
    ],
)
def test_the_demo_refuses_another_machines_database(database, named, demo):
    demo(**database)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL names the server " + named):
        checks.refuse_exposed_demo()


@pytest.mark.parametrize("host", ["*", "clinic.example", "0.0.0.0", "192.168.1.4", ".example.com"])
def test_the_demo_refuses_another_name_than_this_machines(host, demo):
    demo(["localhost", host])
    with pytest.raises(ImproperlyConfigured) as refusal:
        checks.refuse_exposed_demo()
    assert str(refusal.value) == (
        "CAREOPS_DEMO stays on this machine. "
        f"ALLOWED_HOSTS names {host}: leave it unset, or switch the demo off."
    )


def test_a_clinic_runs_where_it_likes(demo):
    demo(["clinic.example"], on=False, HOST="db.clinic.example")
    checks.refuse_exposed_demo()


@pytest.mark.parametrize(("retry", "ids"), [(901, []), (900, ["access.E001"]), (60, ["access.E001"])])
def test_a_running_task_is_never_handed_out_twice(retry, ids, settings):
    settings.Q_CLUSTER = {"retry": retry, "timeout": 900}
    assert [problem.id for problem in checks.check_queue(None)] == ids


def test_a_slip_in_the_table_of_roles_is_named(monkeypatch):
    slip = roles.Role("clerk", "Clerk", frozenset({"access.view_user", "access.view_usr"}))
    monkeypatch.setattr(roles, "ROLES", (slip,))
    (problem,) = checks.check_roles(None)
    assert (problem.id, problem.msg) == (
        "access.W001",
        "Roles name permissions of no model: access.view_usr.",
    )
