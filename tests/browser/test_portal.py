"""Ada's portal in a real Chromium: her whole way through it, in both widths and themes, with scripts and without."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from careops.access.models import User
from labs.models import Report
from orders.models import Order
from patients.models import Appointment
from tests.browser.conftest import overflow
from tests.conftest import person
from tests.factories.labs import LabOrderFactory, ReportFactory, ResultFactory
from tests.factories.orders import OrderFactory
from tests.factories.patients import ClinicFactory
from tests.portal.conftest import account, released, visit_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "Wolfeschlegelsteinhausenbergerdorff"
Look = Callable[[str], None]


def results_of(patient: Any, month: int, ldl: str, **fields: Any) -> Report:
    taken = datetime(2026, month, 10, 15, 0, tzinfo=UTC)
    report = ReportFactory(order=LabOrderFactory(patient=patient), collected_at=taken, reported_at=taken)
    ResultFactory(report=report, value=ldl, number=Decimal(ldl), **fields)
    ResultFactory(report=report, name="Sodium", slug="sodium", value="137", number=137, unit="mmol/L",
                  min_range=135, max_range=145)  # fmt: skip
    return released(report)


@pytest.fixture
def full_portal(ada: Any, system: Any) -> Appointment:
    """Something of every kind; the visit that is to be confirmed."""
    visit_in(ada, days=-40, state="completed")
    visit_in(ada, days=-60, state="no_show")
    visit_in(ada, days=9, state="confirmed")
    for month, ldl in ((1, "162"), (4, "143"), (7, "124")):
        results_of(ada, month, ldl)
    results_of(ada, 9, "508", interpretation="critical").perform("correct", by=system)
    OrderFactory(patient=ada, lines=2, lines__name=f"Cream of {LONG}").perform("charge", by=system)
    OrderFactory(patient=ada, state="awaiting_requirements")
    OrderFactory(patient=ada, state="shipped", carrier="UPS", tracking_number="1Z999AA10123456784")
    OrderFactory(patient=ada).perform("cancel", by=system, reason="Twice")
    return visit_in(ada, days=2)


#: Which rules are asked in which theme: all of them once, and what depends on colours again.
RULES: dict[str, dict[str, Any]] = {
    "light": {"rules": {"target-size": {"enabled": True}}},
    "dark": {"runOnly": ["color-contrast"]},
}


def inspect(page: Any) -> Look:
    """``look("home")``: in both themes the page breaks no accessibility rule, is no wider than the window, and
    complains of nothing."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def look(name: str) -> None:
        for theme, options in RULES.items():
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            found = axe.run(page, options=options).response["violations"]
            wrong = [(rule["id"], node["html"]) for rule in found for node in rule["nodes"]]
            assert (name, theme, wrong) == (name, theme, [])
        quietly(page)(name)

    return look


def quietly(page: Any) -> Look:
    """The same as far as it can be seen without a script in the page."""

    def look(name: str) -> None:
        assert (name, overflow(page)) == (name, 0)
        assert (name, page.troubles) == (name, [])

    return look


def follow(link_or_button: Any) -> None:
    """Press it, and look only when the page it leads to is there."""
    with link_or_button.page.expect_navigation():
        link_or_button.click()


def confirm_and_cancel(page: Any, look: Look, visit: Appointment) -> None:
    page.goto("/")
    page.get_by_role("heading", name="Hello, Ada").wait_for()
    look("home with everything")
    follow(page.get_by_role("listitem").get_by_role("button", name="Confirm: Confirm your visit"))
    page.get_by_text("Thank you: your visit on").wait_for()
    assert page.url.endswith("/portal/")
    look("home after confirming")

    follow(page.get_by_role("navigation", name="Your care").get_by_role("link", name="Visits"))
    look("visits")
    follow(page.get_by_role("link", name="Past and cancelled"))
    look("past visits")
    follow(page.get_by_role("link", name="Coming up"))
    follow(page.get_by_role("link", name="Follow-up").first)
    look("one visit")
    follow(page.get_by_role("link", name="Cancel visit"))
    look("cancel?")
    page.get_by_label("Would you like to tell us why? (optional)").fill("I am travelling")
    follow(page.get_by_role("button", name="Cancel the visit"))
    page.get_by_text("is cancelled. Thank you for telling us.").wait_for()
    look("cancelled")
    visit = Appointment.objects.get(pk=visit.pk)
    assert (visit.state, visit.cancel_reason) == ("cancelled", "I am travelling")


def results_with_a_trend(page: Any, look: Look) -> None:
    follow(page.get_by_role("navigation", name="Your care").get_by_role("link", name="Results"))
    look("results")
    follow(page.get_by_role("link", name="Lipid panel").first)
    page.get_by_role("img", name="LDL cholesterol over time: from 162 mg/dL").wait_for()
    page.get_by_text("All values over time").first.click()
    page.get_by_role("cell", name="Critical – call us").wait_for()
    look("a critical report")


def the_rest(page: Any, look: Look) -> None:
    follow(page.get_by_role("navigation", name="Your care").get_by_role("link", name="Orders"))
    look("orders")
    for order in Order.objects.all():
        page.goto(reverse("portal:order", args=[order.pk]))
        look(f"order, {order.state}")
    follow(page.get_by_role("navigation", name="Your care").get_by_role("link", name="My details"))
    look("details")
    page.get_by_label("Country").fill("1!")
    follow(page.get_by_role("button", name="Save"))
    page.get_by_text("Write two letters").wait_for()
    look("details that are wrong")
    page.get_by_label("Country").fill("DE")
    follow(page.get_by_role("button", name="Save"))
    page.get_by_text("Saved.").wait_for()
    look("details saved")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_whole_way(at_browser, ada, full_portal, width, scripts):
    page = at_browser(account(ada), width=width, java_script_enabled=scripts)
    look = inspect(page) if scripts else quietly(page)
    confirm_and_cancel(page, look, full_portal)
    results_with_a_trend(page, look)
    the_rest(page, look)


@pytest.mark.parametrize("width", [390, 1280])
def test_an_empty_portal_and_long_names(at_browser, ada, width):
    account(ada)
    ada.first_name = ada.last_name = LONG
    ada.phone = ""
    ada.save()
    clinic = ada.clinic
    clinic.name = f"{LONG} Health Center of {LONG}"
    clinic.save()
    page = at_browser(ada.user, width=width)
    look = inspect(page)
    for name in ("home", "visits", "past_visits", "orders", "reports", "details"):
        page.goto(reverse(f"portal:{name}"))
        look(f"{name}, empty")
    visit = visit_in(ada, days=2)
    for url in (reverse("portal:visit", args=[visit.pk]), reverse("portal:home")):
        page.goto(url)
        look(url)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
@pytest.mark.parametrize("width", [390, 1280])
def test_somebody_new_says_who_they_are(at_browser, db, width, scripts):
    ClinicFactory()
    ClinicFactory(name="Hillside Clinic", timezone="America/Denver")
    page = at_browser(newcomer(), width=width, java_script_enabled=scripts)
    look = inspect(page) if scripts else quietly(page)
    page.goto("/")
    page.get_by_role("heading", name="Tell us about you").wait_for()
    look("welcome")
    follow(page.get_by_role("button", name="Continue"))
    page.get_by_text("Tell us your last name.").wait_for()
    look("welcome, with errors")
    page.get_by_label("First name").fill("Ada")
    page.get_by_label("Last name").fill("Abara")
    page.get_by_label("Date of birth").fill("1960-03-14")
    page.get_by_label("Hillside Clinic").check()
    follow(page.get_by_role("button", name="Continue"))
    page.get_by_text("Welcome, Ada. Good to have you with us.").wait_for()
    look("the first time at home")


def newcomer() -> User:
    user = person("new@mail.example", staff=False)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def test_with_the_keyboard_alone_the_bar_below_hides_nothing(at_browser, ada, full_portal):
    """Tab through a whole page on a phone: what has the focus is never wholly under the bar (WCAG 2.4.11)."""
    page = at_browser(account(ada), width=390)
    page.goto(reverse("portal:home"))
    hidden = """() => {
      const bar = document.querySelector(".places"), at = document.activeElement;
      if (bar.contains(at)) return false;
      return at.getBoundingClientRect().top >= bar.getBoundingClientRect().top;
    }"""
    stops = []
    for _press in range(60):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.outerHTML.slice(0, 60)"))
        assert not page.evaluate(hidden), stops[-1]
        if stops[-1].startswith("<body"):
            break
    assert len(stops) > 20
