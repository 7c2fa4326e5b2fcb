"""Olga builds an automation with nothing but her browser, and publishes it."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.browser.conftest import overflow
from workflows.models import Automation, AutomationVersion, Endpoint

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LETTER = "Dear {{ patient.first_name }}, your results are in."


@pytest.fixture
def partner(settings: Any) -> Endpoint:
    return Endpoint.objects.create(name="Partner", url="https://partner.example/hook")


def add_step(page: Any, action: str) -> Any:
    page.get_by_role("button", name="Add a step").click()
    step = page.locator("[data-step]").last
    step.get_by_label("Do this").select_option(action)
    return step


def field(step: Any, name: str) -> Any:
    return step.locator(f"[name$='-params-{name}']")


def choose_trigger(page: Any, words: str) -> None:
    search = page.get_by_role("combobox", name="When this happens")
    search.fill(words)
    search.press("Enter")
    page.locator(".co-trigger-card").wait_for()  # it comes by itself and moves what is below it


def build(page: Any, partner: Endpoint) -> None:
    page.goto(reverse("admin:workflows_automation_add"))
    page.get_by_label("Name").fill("Follow up lab results")
    choose_trigger(page, "lab_order.completed")

    page.get_by_role("button", name="Add a condition").first.click()
    row = page.get_by_role("group", name="Condition 1")
    row.get_by_label("What is asked").select_option("patient.age")
    row.get_by_label("Comparison").select_option("at_least")
    row.get_by_label("Value").fill("40")

    task = add_step(page, "create_task")
    field(task, "title").fill("Review the lab results")
    field(task, "assign_to").select_option("patients_care_team")
    field(task, "due_amount").fill("2")
    field(task, "due_unit").select_option("days")

    wait = add_step(page, "wait")
    field(wait, "amount").fill("1")
    field(wait, "unit").select_option("minutes")

    email = add_step(page, "send_email")
    field(email, "subject").fill("Your results")
    field(email, "body").fill(LETTER)
    email.get_by_text("Dear Ada, your results are in.").wait_for()

    field(add_step(page, "call_webhook"), "endpoint").select_option(label="Partner")


def test_a_whole_automation_from_an_empty_page_to_a_published_version(at_browser, olga, partner):
    page = at_browser(olga)
    build(page, partner)
    page.get_by_role("button", name="Read it back").click()
    page.get_by_text("if the patient's age is at least 40 years,").wait_for()
    page.get_by_role("button", name="Save and continue editing").click()

    page.get_by_role("link", name="Publish…").click()
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("is live: version 1").wait_for()

    version = AutomationVersion.objects.get()
    assert version.automation.state == Automation.State.LIVE
    assert version.definition == {
        "trigger": "lab_order.completed",
        "conditions": {"all": [{"fact": "patient.age", "operator": "at_least", "value": 40}]},
        "lane": "default",
        "steps": [
            {
                "key": "create_task_1",
                "action": "create_task",
                "parameters": {
                    "title": "Review the lab results", "assign_to": "patients_care_team", "due_amount": 2,
                    "due_unit": "days", "priority": "normal",
                },
                "only_if": {}, "otherwise": "skip", "on_failure": "stop",
            },
            {
                "key": "wait_1",
                "action": "wait",
                "parameters": {"amount": 1, "unit": "minutes", "direction": "after"},
                "only_if": {}, "otherwise": "skip", "on_failure": "stop",
            },
            {
                "key": "send_email_1",
                "action": "send_email",
                "parameters": {"to": "patient", "subject": "Your results", "body": LETTER, "purpose": "care"},
                "only_if": {}, "otherwise": "skip", "on_failure": "stop",
            },
            {
                "key": "call_webhook_1",
                "action": "call_webhook",
                "parameters": {"endpoint": str(partner.pk)},
                "only_if": {}, "otherwise": "skip", "on_failure": "stop",
            },
        ],
    }  # fmt: skip
    assert page.troubles == []


def test_steps_are_moved_and_removed_with_the_keyboard(at_browser, olga, partner):
    page = at_browser(olga)
    build(page, partner)
    second = page.locator("[data-step]").nth(1)
    second.get_by_role("button", name="Move up").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move down"
    page.locator("[data-step]").last.get_by_role("button", name="Remove this step").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Keep it"
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()

    automation = Automation.objects.get()
    assert list(automation.steps.values_list("action", flat=True)) == ["wait", "create_task", "send_email"]


def test_what_is_wrong_stands_where_it_is_wrong(at_browser, olga):
    page = at_browser(olga)
    page.goto(reverse("admin:workflows_automation_add"))
    page.get_by_label("Name").fill("Unfinished")
    choose_trigger(page, "lab_order.completed")
    page.get_by_role("button", name="Add a condition").first.click()
    page.get_by_role("group", name="Condition 1").get_by_label("What is asked").select_option("patient.age")
    email = add_step(page, "send_email")
    field(email, "subject").fill("Hello {{ patient.frist_name }}")
    email.get_by_text("Did you mean patient.first_name").wait_for()
    page.get_by_role("button", name="Save", exact=True).click()

    row = page.get_by_role("group", name="Condition 1")
    row.get_by_text("This needs a number.").wait_for()
    step = page.locator("[data-step]").first
    assert field(step, "subject").input_value() == "Hello {{ patient.frist_name }}"
    assert step.locator(".co-errors", has_text="Did you mean patient.first_name").count() > 0
    assert step.locator(".co-field", has_text="Text").locator(".co-errors").count() == 1
    assert not Automation.objects.exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_builder_fits_a_phone(at_browser, olga, partner, scheme):
    page = at_browser(olga, width=390, color_scheme=scheme)
    build(page, partner)
    assert overflow(page) <= 0
    page.get_by_role("combobox", name="When this happens").click()
    assert overflow(page) <= 0
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("link", name="Publish…").wait_for()
    assert overflow(page) <= 0
    assert page.troubles == []
