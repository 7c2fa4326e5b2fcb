"""The API's page in a real browser: drawn under the strict policy, from our own server alone."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_description_is_drawn_and_nothing_is_fetched_elsewhere(chromium: Any, live_server: Any) -> None:
    page = chromium.new_context(base_url=live_server.url).new_page()
    asked, refused = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.goto("/api/docs/")
    page.get_by_role("link", name="orders", exact=True).wait_for()
    page.get_by_role("link", name="orders", exact=True).click()
    page.get_by_text("/api/v1/orders/{id}/transitions/ship/").first.click()
    page.get_by_text("tracking_number").first.wait_for()
    assert refused == []
    assert [url for url in asked if not url.startswith((live_server.url, "data:"))] == []
