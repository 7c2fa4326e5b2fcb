"""Nobody learns through an automation what they may not see: not by publishing, trying, counting, or reading a trace.

Olga runs operations: she may see lab orders and visits, and no results. Omar is a clinician who may also publish.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from careops.access.actor import Actor
from careops.access.models import AuditEntry, User
from labs.models import LabOrder
from patients.variables import VARIABLES
from tests.factories.labs import LabOrderFactory, ReportFactory, ResultFactory
from tests.factories.patients import PatientFactory
from tests.surfaces.support import page, sign_in
from tests.workflows.support import STOP, draft, live, work_off
from workflows.admin.rehearsal import rehearse
from workflows.catalogue import Fact, NotPermitted, Privacy, ValueKind, event_facts, facts
from workflows.conditions import needed_to_read, parse, ref
from workflows.engine.publish import publish
from workflows.models import Automation, AutomationVersion, EventRecord, NonMatch, Run
from workflows.traces import Story

pytestmark = pytest.mark.django_db

CLOCK = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
GUARDED = (Privacy.PHI, Privacy.RESTRICTED)
RESULTS = "labs.view_result"
CRITICAL = {"all": [{"fact": "lab_order.critical", "operator": "is_true"}]}
FROM_40_ON = {"all": [{"fact": "patient.age", "operator": "at_least", "value": 40}]}
LAST_RESULT = Fact(
    name="patient.last_result", model="patients.Patient", label="the last result", kind=ValueKind.NUMBER,
    privacy=Privacy.PHI, reads=RESULTS, expression=lambda: 1 / 0,
)  # fmt: skip
ASKS_FOR_RESULTS = {"all": [{"fact": "patient.last_result", "operator": "at_least", "value": 5}]}


@pytest.fixture
def publisher(omar: User) -> User:
    """Omar, who was given what it takes to build, publish and watch automations."""
    for name in ("view_automation", "publish_automation", "view_run", "view_nonmatch", "view_eventrecord"):
        omar.user_permissions.add(Permission.objects.get(codename=name, content_type__app_label="workflows"))
    return omar


def edited(interpretation: str) -> LabOrder:
    """A lab order with a result of that kind, then edited: "lab_order.updated" was told."""
    order = LabOrderFactory(patient__birth_date=date(1960, 3, 14))
    ResultFactory(report=ReportFactory(order=order), interpretation=interpretation)
    order.origin = "edited"
    order.save()
    return order


# ── Declarations ──────────────────────────────────────────────────────────────────────────────────────────
def test_a_fact_is_seen_by_those_who_may_see_its_rows() -> None:
    assert facts.get("patient.age").needs == "patients.view_patient"
    assert facts.get("lab_order.status").needs == "labs.view_laborder"
    assert facts.get("order.total").needs == "orders.view_order"


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("lab_order.critical", RESULTS),
        ("lab_order.has_abnormal_result", RESULTS),
        ("patient.lab_orders", "labs.view_laborder"),
        ("patient.has_open_lab_order", "labs.view_laborder"),
        ("patient.orders", "orders.view_order"),
        ("patient.has_open_order", "orders.view_order"),
        ("patient.has_visit", "patients.view_appointment"),
        ("patient.next_visit_at", "patients.view_appointment"),
        ("patient.open_tasks", "patients.view_task"),
    ],
)
def test_a_fact_that_looks_elsewhere_is_seen_by_those_who_may_look_there(name: str, permission: str) -> None:
    assert facts.get(name).needs == permission


def permissions() -> set[str]:
    rows = Permission.objects.values_list("content_type__app_label", "codename")
    return {f"{app_label}.{codename}" for app_label, codename in rows}


def test_every_fact_and_variable_names_a_permission_there_is() -> None:
    known = permissions()
    assert [fact.name for fact in facts if fact.needs not in known] == []
    assert [fact.name for fact in facts if fact.privacy in GUARDED and not fact.reads] == []
    assert [fact.name for fact in event_facts if fact.privacy is not Privacy.PUBLIC] == []
    assert {
        name
        for name, variable in VARIABLES.items()
        if (variable.privacy is Privacy.PUBLIC) is not (variable.needs not in known)
    } == set()


def test_what_events_and_steps_tell_needs_nothing() -> None:
    asked = [ref(name) for name in ("event.to", "event.payload.id", "step.one.result.id", "order.lines")]
    assert needed_to_read(asked) == {"orders.view_order"}


# ── Publishing ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("steps", "conditions"),
    [([STOP], CRITICAL), ([{**STOP, "only_if": CRITICAL}], {}), ([STOP], {"any": [{"none": [CRITICAL]}]})],
    ids=["conditions", "only_if", "nested"],
)
def test_publishing_what_one_may_not_see_is_refused(
    olga: User, steps: list[dict[str, Any]], conditions: dict[str, Any]
) -> None:
    automation = draft("lab_order.completed", *steps, conditions=conditions)
    with pytest.raises(NotPermitted) as refused:
        publish(automation, by=Actor.of(olga))
    assert refused.value.permission == RESULTS
    assert str(refused.value) == "“publish” needs the permission labs.view_result."
    assert not AutomationVersion.objects.exists()
    assert Automation.objects.get().state == "draft"
    assert not AuditEntry.objects.filter(act=AuditEntry.Act.PUBLISH).exists()


def test_who_may_see_it_may_publish_it(publisher: User) -> None:
    automation = draft("lab_order.completed", STOP, conditions=CRITICAL)
    version = publish(automation, by=Actor.of(publisher))
    assert version.permissions == [RESULTS]


def test_operations_publish_by_age_and_status(olga: User) -> None:
    status = {
        "fact": "lab_order.status",
        "operator": "equals",
        "value": "completed.on_site_collection.completed",
    }
    automation = draft("lab_order.completed", STOP, conditions={"all": [*FROM_40_ON["all"], status]})
    version = publish(automation, by=Actor.of(olga))
    assert version.permissions == ["labs.view_laborder", "patients.view_patient"]


WAITS = {"action": "wait", "parameters": {"amount": 1, "unit": "hours", "field": "appointment.starts_at"}}
TELLS = {
    "action": "create_task",
    "parameters": {
        "title": "{% if appointment.service == 'Initial Evaluation' %}First visit{% endif %}",
        "description": "{{ patient.first_name | append: clinic.name }}",
        "assign_to": "role",
        "role": "clinician",
    },
}
VISITS = "patients.view_appointment"


@pytest.mark.parametrize(
    ("step", "listed"),
    [(WAITS, [VISITS]), (TELLS, ["patients.add_task", VISITS, "patients.view_patient"])],
    ids=["wait", "text"],
)
def test_a_step_needs_what_it_tells(olga: User, pia: User, step: dict[str, Any], listed: list[str]) -> None:
    """Pia may neither see visits nor open tasks; the second she is given."""
    automation = draft("appointment.confirmed", step)
    pia.user_permissions.add(*Permission.objects.filter(codename__in=["publish_automation", "add_task"]))
    with pytest.raises(NotPermitted) as refused:
        publish(automation, by=Actor.of(pia))
    assert refused.value.permission == VISITS
    assert not AutomationVersion.objects.exists()
    assert publish(automation, by=Actor.of(olga)).permissions == listed


def test_the_publish_page_says_which_permission_is_missing(olga: User, client: Client) -> None:
    automation = draft("lab_order.completed", STOP, conditions=CRITICAL)
    address = page(automation, "publish")
    shown = sign_in(client, olga).get(address)
    assert [(one.name, one.held) for one in shown.context["withheld"]] == [(RESULTS, False)]
    sent = client.post(address)
    assert sent.context["refusals"] == ["“publish” needs the permission labs.view_result."]
    assert not AutomationVersion.objects.exists()


# ── Traces ────────────────────────────────────────────────────────────────────────────────────────────────
def shown(page_lines: Any) -> list[tuple[str, bool]]:
    return [(line.text, line.holds) for line in page_lines]


def test_a_run_tells_findings_to_those_who_may_see_them(olga: User, publisher: User) -> None:
    live(
        "lab_order.updated",
        {**STOP, "only_if": CRITICAL},
        conditions={"all": [*CRITICAL["all"], *FROM_40_ON["all"]]},
    )
    edited("critical")
    work_off()
    run = Run.objects.get()
    age = run.trace["saw"]["patient.age"]
    aged = (f"the patient's age: {age} (asked: is at least 40)", True)
    for reader, found in ((olga, "•••"), (publisher, "yes")):
        context = sign_in(Client(), reader).get(page(run)).context
        critical = (f"the lab order has a critical result: {found} (asked: is true)", True)
        assert shown(context["lines"]) == [critical, aged]
        assert [shown(step.verdicts) for step in context["steps"]] == [[critical]]


def test_a_non_run_tells_findings_to_those_who_may_see_them(olga: User, publisher: User) -> None:
    live("lab_order.updated", STOP, conditions=CRITICAL)
    edited("abnormal")
    work_off()
    non_match = NonMatch.objects.get()
    for reader, found in ((olga, "•••"), (publisher, "no")):
        client, reason = Client(), f"the lab order has a critical result: {found} (asked: is true)"
        story = sign_in(client, reader).get(page(non_match)).context
        [(_automation, _version, why, told)] = story["verdicts"]
        assert why == f"stopped by condition 1: {reason}"
        assert shown(told) == [(reason, False)]
        assert reason in client.get(reverse("admin:workflows_nonmatch_changelist")).content.decode()
        event = client.get(page(non_match.event)).context
        assert event["non_runs"] == [("An automation", why)]


def test_what_has_no_value_is_hidden_too(olga: User) -> None:
    with facts.temporarily(LAST_RESULT):
        trace = parse(ASKS_FOR_RESULTS).evaluate({}, CLOCK).trace
        why_not = Story(ASKS_FOR_RESULTS).why_not(trace, olga)
        assert why_not == "stopped by condition 1: the last result: ••• (asked: is at least 5)"


def test_what_a_fact_said_that_is_gone_since_is_hidden_from_everybody(publisher: User) -> None:
    with facts.temporarily(LAST_RESULT):
        (asked,) = parse(ASKS_FOR_RESULTS).fact_refs()
        trace = parse(ASKS_FOR_RESULTS).evaluate({asked: 4}, CLOCK).trace
    assert trace["saw"] == {LAST_RESULT.name: 4}
    told = [line.text for line in Story(ASKS_FOR_RESULTS).lines(trace, publisher)]
    assert told == [f"{LAST_RESULT.name}: ••• (asked: is at least 5)"]


def test_what_the_event_tells_is_open(olga: User) -> None:
    asked = {"all": [{"fact": "event.to", "operator": "equals", "value": "x"},
                     {"fact": "event.payload.number", "operator": "equals", "value": "y"},
                     {"fact": "step.call.result.status", "operator": "equals", "value": "z"}]}  # fmt: skip
    tree = parse(asked)
    trace = tree.evaluate(dict(zip(tree.fact_refs(), "abc", strict=True)), CLOCK).trace
    assert [line.text.split(": ")[1][0] for line in Story(asked).lines(trace, olga)] == ["a", "b", "c"]


# ── Trying and counting ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("place", ["conditions", "only_if"])
def test_trying_what_one_may_not_see_is_refused(olga: User, publisher: User, place: str) -> None:
    step, conditions = ({**STOP, "only_if": CRITICAL}, {}) if place == "only_if" else (STOP, CRITICAL)
    automation = draft("lab_order.updated", step, conditions=conditions)
    edited("critical")
    event = EventRecord.objects.get(name="lab_order.updated")
    with pytest.raises(NotPermitted) as refused:
        rehearse(automation, event, by=Actor.of(olga))
    assert refused.value.permission == RESULTS
    looks = AuditEntry.objects.filter(subject_type=EventRecord._meta.label)
    assert not looks.exists()

    address = f"{page(automation, 'try')}?event={event.pk}"
    answer = sign_in(Client(), olga).get(address)
    assert answer.status_code == 403
    assert "“Try it” needs the permission labs.view_result." in answer.content.decode()
    assert "tried" not in answer.context
    assert not looks.exists()

    answer = sign_in(Client(), publisher).get(address)
    assert answer.status_code == 200
    found = shown(answer.context["tried"][-1].lines)
    assert found == [("the lab order has a critical result: yes (asked: is true)", True)]
    assert looks.count() == 1


def test_counting_what_one_may_not_see_is_refused(olga: User, publisher: User) -> None:
    """The fact would fail if it were computed."""
    address = reverse("admin:workflows_automation_audience")
    with facts.temporarily(LAST_RESULT):
        answer = sign_in(Client(), olga).post(address, {"conditions": json.dumps(ASKS_FOR_RESULTS)})
        assert [str(error) for error in answer.context["errors"]] == [
            "“Count patients” needs the permission labs.view_result."
        ]
        assert "number" not in answer.context
        with pytest.raises(ZeroDivisionError):
            sign_in(Client(), publisher).post(address, {"conditions": json.dumps(ASKS_FOR_RESULTS)})


def test_counting_by_age_is_for_operations(olga: User) -> None:
    PatientFactory(birth_date=date(1960, 3, 14))
    address = reverse("admin:workflows_automation_audience")
    answer = sign_in(Client(), olga).post(address, {"conditions": json.dumps(FROM_40_ON)})
    assert answer.context["number"] == 1
