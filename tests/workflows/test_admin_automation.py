"""The builder's page without a browser: what is saved, what is refused and where, what is published."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from careops.access.actor import Actor
from careops.access.models import AuditEntry
from tests.factories.labs import LabOrderFactory, LabTestFactory
from tests.factories.patients import CareTeamFactory
from tests.surfaces.support import page
from tests.workflows.support import STOP, draft, live, work_off
from workflows.catalogue import actions
from workflows.models import Automation, AutomationVersion, Endpoint, EventRecord, Run, Step

pytestmark = pytest.mark.django_db

ADD = "admin:workflows_automation_add"
FORTY = {"all": [{"fact": "patient.age", "operator": "at_least", "value": 40}]}


def form(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What the page sends: each step is {"action": …, "params": {…}} and whatever else it says."""
    data: dict[str, Any] = {
        "name": "Follow up", "description": "", "trigger": "lab_order.completed", "conditions": "", "lane": "default",
        "steps-TOTAL_FORMS": len(steps), "steps-INITIAL_FORMS": sum("id" in step for step in steps),
        "steps-MIN_NUM_FORMS": 0, "steps-MAX_NUM_FORMS": 1000,
        **fields,
    }  # fmt: skip
    for place, step in enumerate(steps):
        said = {
            "position": place,
            "key": "",
            "only_if": "",
            "otherwise": "skip",
            "on_failure": "stop",
            **step,
        }
        for name, value in said.pop("params", {}).items():
            data[f"steps-{place}-params-{name}"] = value
        data |= {f"steps-{place}-{name}": value for name, value in said.items()}
    return data


WAIT = {"action": "wait", "params": {"amount": "1", "unit": "minutes"}}


def save(client: Any, data: dict[str, Any], automation: Automation | None = None) -> Any:
    return client.post(page(automation) if automation else reverse(ADD), data)


# ── Saving ────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_is_sent_is_kept(at_desk, olga):
    answer = save(at_desk(olga), form(WAIT, conditions=json.dumps(FORTY)))

    assert answer.status_code == 302
    automation = Automation.objects.get()
    assert automation.conditions == FORTY
    step = automation.steps.get()
    assert (step.key, step.parameters) == ("wait_1", {"amount": 1, "unit": "minutes", "direction": "after"})


@pytest.mark.parametrize(
    "name", ["lab_order.completed", "labtest.order.updated", "completed.on_site_collection.completed"]
)
def test_a_trigger_may_be_named_in_any_vocabulary(at_desk, olga, name):
    assert save(at_desk(olga), form(WAIT, trigger=name)).status_code == 302
    assert Automation.objects.get().trigger == name


def test_a_trigger_nobody_declares_names_the_near_misses(at_desk, olga):
    answer = save(at_desk(olga), form(WAIT, trigger="lab_order.complete"))
    assert "lab_order.completed" in answer.context["adminform"].form.errors["trigger"][0]


def test_an_error_in_a_condition_tells_its_place(at_desk, olga):
    wrong = {
        "all": [FORTY["all"][0], {"any": [{"fact": "patient.agee", "operator": "at_least", "value": 1}]}]
    }
    answer = save(at_desk(olga), form(WAIT, conditions=json.dumps(wrong)))

    [error] = answer.context["builder"]["errors"]["conditions"]
    assert error["path"] == "all.1.any.0"
    assert "patient.age" in error["text"]
    assert not Automation.objects.exists()


def test_an_error_in_a_steps_condition_too(at_desk, olga):
    wrong = {"all": [{"fact": "patient.age", "operator": "at_least", "value": "old"}]}
    answer = save(at_desk(olga), form(STOP | {"params": {}}, WAIT | {"only_if": json.dumps(wrong)}))
    assert answer.context["builder"]["errors"]["steps-1-only_if"][0]["path"] == "all.0"


def test_bad_parameters_are_told_at_their_field_and_nothing_is_saved(at_desk, olga):
    task = {
        "action": "create_task",
        "params": {"title": "Hello {{ patient.frist_name }}", "assign_to": "role"},
    }
    answer = save(at_desk(olga), form(task))

    told = answer.context["inline_admin_formsets"][0].formset.forms[0].told
    assert "patient.first_name" in told.errors["title"][0]
    assert told.errors["role"] == ["Say which."]
    assert "Did you mean patient.first_name" in answer.content.decode()
    assert not Automation.objects.exists()


def test_parameters_of_every_kind_come_back_as_they_went(at_desk, olga):
    """Records, times, numbers and check boxes: the stored form is valid again, and says the same."""
    endpoint = Endpoint.objects.create(name="Partner", url="https://partner.example/hook")
    test, team = LabTestFactory(), CareTeamFactory()
    steps = (
        {"action": "call_webhook", "params": {"endpoint": str(endpoint.pk)}},
        {"action": "wait", "params": {"time_of_day": "09:30"}},
        {"action": "create_lab_order", "params": {"test": test.code, "requisition": "on"}},
        {
            "action": "create_task",
            "params": {"title": "T", "assign_to": "care_team", "care_team": str(team.pk)},
        },
    )
    assert save(at_desk(olga), form(*steps)).status_code == 302

    stored = {step.action: step.parameters for step in Step.objects.all()}
    assert stored["call_webhook"] == {"endpoint": str(endpoint.pk)}
    assert stored["wait"]["time_of_day"] == "09:30:00"
    assert stored["create_lab_order"] == {"test": test.code, "requisition": True}
    for name, parameters in stored.items():
        again = actions.get(name).form(data=json.loads(json.dumps(parameters)))
        assert again.is_valid(), again.errors


def test_a_stored_step_is_shown_with_what_it_was_told_and_nothing_else(at_desk, olga):
    automation = draft("lab_order.completed", {"action": "wait", "parameters": {"time_of_day": "09:30:00"}})
    told = at_desk(olga).get(page(automation)).context["inline_admin_formsets"][0].formset.forms[0].told
    assert told["time_of_day"].value() == "09:30:00"
    assert told["amount"].value() is None, "a default would change the step when it is saved again"


def test_another_action_forgets_what_the_first_was_told(at_desk, olga):
    automation = draft("lab_order.completed", {"action": "wait", "parameters": {"amount": 5}})
    step = automation.steps.get()
    client = at_desk(olga)
    seen = client.get(page(automation)).context["adminform"].form.seen_json()
    data = form(
        {"id": step.pk, "automation": automation.pk, "action": "stop", "key": "other"}, name=automation.name
    )

    assert save(client, data | {"_seen": seen}, automation).status_code == 302

    step.refresh_from_db()
    assert (step.action, step.parameters) == ("stop", {})
    assert step.key == "wait_1", "its results are spoken of by this name"


def test_steps_are_removed_and_put_in_order(at_desk, olga):
    automation = draft(
        "lab_order.completed", *[{"action": "wait", "parameters": {"amount": n}} for n in (1, 2, 3)]
    )
    first, second, third = automation.steps.all()

    def sent(step: Step, **more: Any) -> dict[str, Any]:
        return {"id": step.pk, "automation": automation.pk, "action": "wait",
                "params": {"amount": step.parameters["amount"]}, **more}  # fmt: skip

    data = form(
        sent(first, position=2), sent(second, DELETE="on"), sent(third, position=0), name=automation.name
    )
    assert save(at_desk(olga), data, automation).status_code == 302
    assert [step.key for step in automation.steps.all()] == [third.key, first.key]


def test_only_those_who_may_change_it_see_the_builder(at_desk, olga, nia, root):
    automation = draft("lab_order.completed", STOP)
    assert at_desk(nia).get(page(automation)).status_code == 403
    automation.perform("archive", by=Actor.of(root))
    shown = at_desk(olga).get(page(automation))
    assert not shown.context["editing"]
    assert save(at_desk(olga), form(WAIT), automation).status_code == 403


# ── Fragments ─────────────────────────────────────────────────────────────────────────────────────────────
def test_the_trigger_card_says_what_when_not_and_how(at_desk, olga):
    html = at_desk(olga).get(reverse("admin:workflows_automation_trigger"), {"name": "labtest.order.updated"})
    assert "completed.on_site_collection.completed" in html.content.decode()
    assert "0190c2f1-7a3e-7c41-9f6b-2d1e5a8c4b70" in html.content.decode()


def test_the_audience_counts_the_patient_part(at_desk, olga, ada, ben):
    conditions = {"all": [*FORTY["all"], {"fact": "lab_order.age_days", "operator": "at_least", "value": 1}]}
    data = {"conditions": json.dumps(conditions)}
    html = at_desk(olga).post(reverse("admin:workflows_automation_audience"), data).content.decode()
    assert "About 1 patient matches" in html


def test_the_audience_of_nonsense_is_an_explanation(at_desk, olga):
    html = (
        at_desk(olga)
        .post(reverse("admin:workflows_automation_audience"), {"conditions": "{"})
        .content.decode()
    )
    assert "valid JSON" in html


def test_it_is_read_back_unsaved(at_desk, olga):
    data = form(
        WAIT, {"action": "create_task", "params": {"assign_to": "role"}}, conditions=json.dumps(FORTY)
    )
    html = at_desk(olga).post(reverse("admin:workflows_automation_words"), data).content.decode()
    assert "age is at least 40 years" in html
    assert "Create a task (unfinished)" in html
    assert "Step 2: Title" in html
    assert not Automation.objects.exists()


def test_reading_back_leaves_a_saved_one_alone(at_desk, olga):
    automation = draft("lab_order.completed", {"action": "wait", "parameters": {"amount": 5}})
    step = automation.steps.get()
    data = form(
        {
            "id": step.pk,
            "automation": automation.pk,
            "action": "wait",
            "params": {"amount": "9", "unit": "days"},
        },
        trigger="lab_order.cancelled",
    )
    url = reverse("admin:workflows_automation_words") + f"?automation={automation.pk}"
    html = at_desk(olga).post(url, data).content.decode()
    assert "lab_order.cancelled" in html
    assert "9 days" in html
    step.refresh_from_db()
    assert step.parameters == {"amount": 5}
    assert Automation.objects.get().trigger == "lab_order.completed"


def test_texts_are_previewed_with_nobodys_data(at_desk, olga, ada):
    data = {"action": "send_email", "prefix": "steps-0", "steps-0-params-subject": "Hi {{ patient.first_name }}",
            "steps-0-params-body": "{{ patient.frist_name }}"}  # fmt: skip
    html = at_desk(olga).post(reverse("admin:workflows_automation_preview"), data).content.decode()
    assert "Hi Ada" in html
    assert "Did you mean patient.first_name" in html


@pytest.mark.parametrize("name", ["audience", "words", "preview"])
def test_fragments_are_for_those_who_may_see_automations(at_desk, nia, olga, name):
    url = reverse(f"admin:workflows_automation_{name}")
    assert at_desk(nia).post(url).status_code == 403
    assert at_desk(olga).get(url).status_code == 405
    assert at_desk(olga, enforce_csrf_checks=True).post(url).status_code == 403


# ── Publishing and trying ─────────────────────────────────────────────────────────────────────────────────
def test_publishing_shows_and_then_does(at_desk, olga):
    automation = draft("lab_order.completed", STOP, conditions=FORTY)
    client = at_desk(olga)
    shown = client.get(page(automation, "publish"))
    assert shown.context["words"].faults == []
    assert not AutomationVersion.objects.exists()
    assert client.post(page(automation, "publish")).status_code == 302
    version = AutomationVersion.objects.get()
    assert (version.number, version.published_by) == (1, olga)
    assert AuditEntry.objects.filter(act="publish").exists()


def test_a_draft_with_faults_is_not_published(at_desk, olga):
    automation = draft("lab_order.completed", {"action": "create_task", "parameters": {}})
    answer = at_desk(olga).post(page(automation, "publish"))
    assert any("Title" in fault for fault in answer.context["refusals"])
    assert not AutomationVersion.objects.exists()


def test_changes_against_the_live_version_are_named(at_desk, olga):
    automation = live("lab_order.completed", STOP).automation
    step = automation.steps.get()
    step.action, step.parameters = "wait", {"amount": 3, "unit": "days"}
    step.save()
    client = at_desk(olga)
    assert client.get(page(automation)).context["unpublished"]
    signs = [change.sign for change in client.get(page(automation, "publish")).context["changes"]]
    assert signs == ["−", "+"]


def test_a_publisher_without_the_steps_permission_is_told(at_desk, olga):
    Group.objects.get(name="ops admin").permissions.remove(Permission.objects.get(codename="call_endpoint"))
    endpoint = Endpoint.objects.create(name="Partner", url="https://partner.example/hook")
    step = {"action": "call_webhook", "parameters": {"endpoint": str(endpoint.pk)}}
    automation = draft("lab_order.completed", step)
    client = at_desk(olga)
    assert [one.name for one in client.get(page(automation, "publish")).context["withheld"]] == [
        "workflows.call_endpoint"
    ]
    assert client.post(page(automation, "publish")).context["refusals"]
    assert not AutomationVersion.objects.exists()


def test_trying_answers_and_does_nothing(at_desk, olga, ben):
    automation = draft("lab_order.ordered", STOP, conditions=FORTY)
    LabOrderFactory(patient=ben)
    event = EventRecord.objects.get(name="lab_order.ordered")
    before = EventRecord.objects.count()

    answer = at_desk(olga).get(page(automation, "try"), {"event": event.pk})

    [judged] = answer.context["tried"]
    assert not judged.holds
    assert "asked: is at least 40" in judged.lines[0].text
    assert (EventRecord.objects.count(), Run.objects.count()) == (before, 0)
    assert AuditEntry.objects.filter(act="view", patient_id=ben.pk).exists(), "ages were read"


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────
def queries(client: Any, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as caught:
        assert client.get(url).status_code == 200
    return len(caught)


def test_the_list_counts_without_counting_queries(at_desk, olga, ada):
    version = live("lab_order.ordered", STOP, name="One")
    LabOrderFactory(patient=ada)
    work_off()
    client, url = at_desk(olga), reverse("admin:workflows_automation_changelist")
    queries(client, url)  # the first one also learns what is remembered for the next
    few = queries(client, url)
    row = client.get(url).context["cl"].result_list[0]
    assert (row.runs_7, row.failed_7, row.last_at is not None) == (1, 0, True)
    for number in range(4):
        live("lab_order.ordered", STOP, name=f"More {number}")
    assert queries(client, url) == few
    assert version.number == 1


def test_the_page_asks_as_much_for_ten_steps_as_for_one(at_desk, olga):
    short = draft("lab_order.ordered", STOP, name="Short")
    long = draft("lab_order.ordered", *[STOP] * 10, name="Long")
    client = at_desk(olga)
    queries(client, page(short))
    assert queries(client, page(long)) <= queries(client, page(short)) + 1
