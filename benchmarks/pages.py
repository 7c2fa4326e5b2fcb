"""Lists and pages in front of 200 000 patients and 1 000 000 orders.

Every page of the staff area and the portal and every list of the API whose address needs no argument is found by walking
the URLconf; the pages of single records are found by the links of those, one of each kind. Each is asked for by the test
client: middleware, permissions, queries, audit trail and template, without the web server. A superuser who has shown both
factors sees the staff area and the API, a patient their portal. Lists with a search box are also searched for "Smith".
20 requests each after two to warm up. The number of queries is compared with a clinic of 2 000 patients and 6 000 orders:
where it is the same, it does not depend on how much there is.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import django

from benchmarks.measuring import Spread, digits, percentile
from benchmarks.outcome import Line, Outcome
from benchmarks.places import REPO, environment
from benchmarks.workers import python

REQUESTS = 20
TARGET = 100.0
SEARCHED = "Smith"
#: What is not a page about records: forms for one that does not exist yet, sign-in, machine-readable descriptions.
NO_LISTS = (
    "/add/",
    "/login/",
    "/logout/",
    "/password_change/",
    "/autocomplete/",
    "/jsi18n/",
    "/schema",
    "/docs",
)
SURFACES = {"admin pages": "/admin/", "portal pages": "/portal/", "API answers": "/api/"}


@dataclass(slots=True)
class Page:
    #: Its address, with its arguments' names in place of them.
    kind: str
    queries: int = 0
    #: Milliseconds.
    taken: list[float] = field(default_factory=list)


def run() -> Outcome:
    found, refused = _look(REQUESTS)
    before = _in_the_small_clinic()
    outcome = Outcome()
    for surface, prefix in SURFACES.items():
        pages = [page for page in found if page.kind.startswith(prefix)]
        if pages:
            _report(outcome, surface, pages, before)
        else:
            outcome.lines.append(Line(f"{surface}: p95 server time", "≤ 100 ms", "there are none", None))
    outcome.notes += [f"left out: {path} answered {status}" for path, status in sorted(refused.items())]
    return outcome


def _report(outcome: Outcome, surface: str, pages: list[Page], before: dict[str, int]) -> None:
    slowest = sorted(pages, key=lambda page: percentile(page.taken, 0.95), reverse=True)
    worst = [percentile(page.taken, 0.95) for page in pages]
    outcome.at_most(f"{surface}: p95 of the slowest of {len(pages)}", TARGET, Spread.of([max(worst)]), "ms")
    both = [page for page in pages if page.kind in before]
    grown = [page for page in both if page.queries != before[page.kind]]
    same = f"{len(both) - len(grown)} of {len(both)}"
    outcome.lines.append(Line(f"{surface}: as many queries as in a small clinic", "all", same, not grown))
    outcome.figure(f"{surface}: p95", worst, "ms")
    for page in slowest[:6]:
        middle, high = (digits(percentile(page.taken, share)) for share in (0.5, 0.95))
        outcome.figures.append((f"`{page.kind}`", f"p50 {middle}, p95 {high} ms, {page.queries} queries"))
    outcome.notes += [
        f"{page.kind}: {page.queries} queries, {before[page.kind]} in a small clinic" for page in grown
    ]
    outcome.notes += [f"not met in the small clinic: {page.kind}" for page in pages if page not in both]


def _in_the_small_clinic() -> dict[str, int]:
    """Kind of page → queries, by the same look at another database, in another process."""
    env = environment(os.environ["BENCH_HANDFUL"])
    done = subprocess.run(
        python("-m", "benchmarks.pages"), cwd=REPO, env=env, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


# ── Looking ───────────────────────────────────────────────────────────────────────────────────────────────
def _look(requests: int) -> tuple[list[Page], dict[str, int]]:
    """Every page there is, asked for so many times; and those that did not answer with a page."""
    import_module("careops.wsgi")  # as the web server is started
    logging.getLogger("django.request").setLevel(
        logging.CRITICAL
    )  # pages that want something else say so each time
    staff, patient = _browsers()
    found: list[Page] = []
    refused: dict[str, int] = {}
    waiting = deque(_paths())
    met = {_kind(path) for path in waiting}
    while waiting:
        path = waiting.popleft()
        client = patient if path.startswith("/portal/") else staff
        first, second = (client.get(path, secure=True) for _warm in range(2))
        if {first.status_code, second.status_code} != {200}:
            refused[_kind(path)] = second.status_code
            continue
        waiting += _onward(path, second, met)
        page = Page(_kind(path))
        page.queries = min(_queries(client, path) for _look in range(3))
        for _request in range(requests):
            began = time.perf_counter()
            client.get(path, secure=True)
            page.taken.append(1000 * (time.perf_counter() - began))
        found.append(page)
    return found, refused


def _onward(path: str, answer: Any, met: set[str]) -> Iterator[str]:
    """The pages it leads to, one of each kind that was not met yet."""
    ours = (link for link in _links(path, answer) if link.startswith(tuple(SURFACES.values())))
    for link in ours:
        kind = _kind(link)
        if kind and kind not in met and not any(part in link for part in NO_LISTS):
            met.add(kind)
            yield link


def _links(path: str, answer: Any) -> Iterator[str]:
    if answer.headers["Content-Type"] == "application/json":
        yield from (f"{path}{row['id']}/" for row in answer.json().get("results", ())[:1] if "id" in row)
    else:
        yield from re.findall(r'href="([^"#?]+)', answer.content.decode())


def _kind(path: str) -> str:
    """The route of an address, and what is searched for; "" where there is none."""
    from django.urls import Resolver404, resolve

    address, _mark, query = path.partition("?")
    try:
        return f"/{resolve(address).route}{_mark}{query}"
    except Resolver404:
        return ""


def _queries(client: Any, path: str) -> int:
    """One request in a minute also writes down that its session is in use."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        client.get(path, secure=True)
    return len(asked)


def _paths() -> Iterator[str]:
    from django.contrib import admin
    from django.urls import reverse

    paths = [path for path in _walk() if path.startswith(tuple(SURFACES.values()))]
    yield from (path for path in paths if not any(part in path for part in NO_LISTS))
    for model, model_admin in admin.site._registry.items():
        if model_admin.search_fields:
            listed = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            yield f"{listed}?q={SEARCHED}"


def _walk() -> Iterator[str]:
    """The addresses of the URLconf that take no argument."""
    from django.urls import URLResolver, get_resolver

    def below(resolver: URLResolver, prefix: str) -> Iterator[str]:
        for each in resolver.url_patterns:
            route = str(each.pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z")
            if any(sign in route for sign in "<(*?\\"):
                continue
            if isinstance(each, URLResolver):
                yield from below(each, prefix + route)
            else:
                yield prefix + route

    yield from dict.fromkeys(below(get_resolver(), "/"))


def _browsers() -> tuple[object, object]:
    """A superuser's and a patient's, signed in with the factors they have shown."""
    from allauth.mfa.models import Authenticator
    from django.conf import settings
    from django.db.models import Count
    from django.test import Client

    from careops.access.models import User
    from patients.models import Patient

    # Nobody ran collectstatic here.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.API_STAFF_PER_MINUTE = 100_000  # nobody asks as often as this
    root, _new = User.objects.get_or_create(
        email="root@bench.example", defaults={"is_staff": True, "is_superuser": True}
    )
    Authenticator.objects.get_or_create(user=root, type=Authenticator.Type.TOTP, defaults={"data": {}})
    reader, new = User.objects.get_or_create(email="patient@bench.example")
    if new:
        onboarded = Patient.objects.filter(state="onboarded", lab_reports__released_at__isnull=False)
        placed = onboarded.annotate(orders_placed=Count("orders", distinct=True))
        patient = placed.order_by("-orders_placed", "pk").first()
        patient.user = reader
        patient.save()
    staff = Client(SERVER_NAME="localhost")
    staff.force_login(root)
    session = staff.session
    session["account_authentication_methods_user"] = str(root.pk)
    session["account_authentication_methods"] = [
        {"method": "password", "at": time.time()},
        {"method": "mfa", "at": time.time(), "type": "totp"},
    ]
    session.save()
    client = Client(SERVER_NAME="localhost")
    client.force_login(reader)
    return staff, client


if __name__ == "__main__":
    django.setup()
    pages, _refused = _look(0)
    sys.stdout.write(json.dumps([(page.kind, page.queries) for page in pages]) + "\n")
