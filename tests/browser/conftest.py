"""A real Chromium, signed in as somebody. Tests here are left out where there is no Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from careops.access.models import User
from tests.surfaces.support import sign_in

#: Quiet: nothing is fetched but the page.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def chromium_path() -> str | None:
    known = "/usr/bin/chromium"
    return known if Path(known).exists() else shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
    executable = chromium_path()
    if executable is None:
        pytest.skip("There is no Chromium here: put one on the PATH to run the browser tests.")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright runs an event loop in this very thread
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(autouse=True)
def plain_http(settings: Any) -> None:
    """Pages without TLS, cookies that travel without it, static files straight from the source tree."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def live_server(plain_http: None) -> Iterator[LiveServer]:
    """One for each test: pytest-django's own lives as long as the session, with the settings it found at first."""
    server = LiveServer("localhost")
    yield server
    server.stop()


@pytest.fixture
def at_door(chromium: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """``at_door(width=390)``: a page nobody is signed in on, with the errors it meets in ``page.troubles``."""
    contexts: list[Any] = []

    def open_for(width: int = 1280, **options: Any) -> Any:
        context = chromium.new_context(
            base_url=live_server.url, viewport={"width": width, "height": 900}, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.troubles = []
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("console", lambda said: _note(page, said))
        return page

    yield open_for
    for context in contexts:
        context.close()


@pytest.fixture
def at_browser(at_door: Callable[..., Any], live_server: Any) -> Callable[..., Any]:
    """``at_browser(olga, width=390)``: such a page, signed in as Olga."""

    def open_for(user: User, width: int = 1280, **options: Any) -> Any:
        page = at_door(width, **options)
        name = django_settings.SESSION_COOKIE_NAME
        key = sign_in(Client(), user).cookies[name].value
        page.context.add_cookies([{"name": name, "value": key, "url": live_server.url}])
        return page

    return open_for


def _note(page: Any, said: Any) -> None:
    """What a script complains about, a refusal by the content security policy included."""
    if said.type == "error" and "favicon" not in said.text:
        page.troubles.append(said.text)


def overflow(page: Any) -> int:
    """By how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
