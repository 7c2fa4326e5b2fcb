"""What must hold before CareOps starts. The demo's keys and logins are public: it stays on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from careops.access import roles


def refuse_exposed_demo() -> None:
    """Raises ImproperlyConfigured when the demo could reach, or be reached from, another machine.

    Called when Django starts and not as a system check: gunicorn and the workers run no checks.
    """
    if settings.DEMO and (problems := list(demo_problems())):
        raise ImproperlyConfigured("CAREOPS_DEMO stays on this machine. " + " ".join(problems))


def demo_problems() -> Iterator[str]:
    for host in _database_hosts(settings.DATABASES["default"]):
        if not _is_local(host):
            yield f"DATABASE_URL names the server {host}: use a local one, or switch the demo off."
    for host in settings.ALLOWED_HOSTS:
        if not _is_local(host):
            yield f"ALLOWED_HOSTS names {host}: leave it unset, or switch the demo off."


def _database_hosts(database: Mapping[str, Any]) -> Iterator[str]:
    """Every server a connection may go to: libpq takes lists, and the options overrule the URL's own host."""
    options = database.get("OPTIONS", {})
    for hosts in (database["HOST"], options.get("host", ""), options.get("hostaddr", "")):
        yield from filter(None, hosts.split(","))
    if "service" in options:
        yield f"of service {options['service']}"


def _is_local(host: str) -> bool:
    """A loopback name or address, or a unix socket's folder."""
    if host.startswith("/") or host.lower() in {"localhost", ".localhost"}:
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@register(Tags.compatibility)
def check_queue(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """django-q2 hands a task out again after ``retry`` seconds, running or not."""
    if settings.Q_CLUSTER["retry"] > settings.Q_CLUSTER["timeout"]:
        return []
    message = "Q_CLUSTER['retry'] must exceed Q_CLUSTER['timeout']: a task that still runs would start again."
    return [Error(message, id="access.E001")]


@register(Tags.security)
def check_roles(app_configs: Iterable[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A permission of no model is a typing slip: the role that names it lacks what somebody meant to give."""
    unknown = sorted(roles.unknown_permissions())
    if not unknown:
        return []
    message = f"Roles name permissions of no model: {', '.join(unknown)}."
    return [Warning(message, hint="See careops/access/roles.py.", id="access.W001")]
