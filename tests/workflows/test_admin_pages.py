"""The engine's pages: they tell the whole story, mend what is stuck, and let nobody do what they may not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from careops.access.models import AuditEntry
from careops.lib import clock
from tests.factories.labs import LabOrderFactory
from tests.factories.patients import PatientFactory
from tests.surfaces.support import page
from tests.workflows.support import STOP, live, work_off
from workflows.models import (
    Delivery,
    Endpoint,
    EventRecord,
    InboundMessage,
    NonMatch,
    QueueState,
    Run,
    StepRun,
)

pytestmark = pytest.mark.django_db

FORTY = {"all": [{"fact": "patient.age", "operator": "at_least", "value": 40}]}
TASK = {"action": "create_task", "parameters": {"title": "Look", "assign_to": "role", "role": "clinician"}}
#: Fails for good: the patient has no care team.
STUCK = {"action": "create_task", "parameters": {"title": "Look", "assign_to": "patients_care_team"}}


def list_of(model: Any) -> str:
    return reverse(f"admin:workflows_{model._meta.model_name}_changelist")


def a_run(ada: Any, *steps: Any, name: str = "An automation", **fields: Any) -> Run:
    live("lab_order.ordered", *(steps or (TASK,)), name=name, **fields)
    LabOrderFactory(patient=ada)
    work_off()
    return Run.objects.get(automation__name=name)


def endpoint(**fields: Any) -> Endpoint:
    return Endpoint.objects.create(**{"name": "Partner", "url": "https://partner.example/hook", **fields})


def delivery(state: str, **fields: Any) -> Delivery:
    made = Delivery.objects.count()
    return Delivery.objects.create(
        channel="webhook", key=f"test {made}", subject_type="workflows.Endpoint", subject_id=endpoint_id(fields),
        state=state, finished_at=clock.now(), **fields,
    )  # fmt: skip


def endpoint_id(fields: dict[str, Any]) -> Any:
    fields.setdefault("endpoint", Endpoint.objects.first() or endpoint())
    return fields["endpoint"].pk


def message(verdict: str = "unmatched", **fields: Any) -> InboundMessage:
    return InboundMessage.objects.create(
        source="junction", message_id=f"m{InboundMessage.objects.count()}", body_hash="x", verdict=verdict,
        body=json.dumps({"data": {"id": "5e2b", "finding": "Zygomycosis"}}), reference="5e2b",
        **{"state": QueueState.DONE, "finished_at": clock.now(), **fields},
    )  # fmt: skip


def operate(client: Any, name: str, row: Any, **data: Any) -> Any:
    return client.post(reverse("admin:workflows_operate", args=[name, row.pk]), data)


# ── Runs ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_run_tells_the_whole_story(at_desk, olga, ada):
    run = a_run(ada, TASK, {"action": "wait", "parameters": {"amount": 1}}, STOP, conditions=FORTY)
    html = at_desk(olga).get(page(run)).content.decode()
    for told in (
        "lab_order.ordered",
        "asked: is at least 40",
        "version 1",
        "Clinician",
        "Made",
        "ahead",
        "task.created",
    ):
        assert told in html
    assert "Abara" not in html
    assert AuditEntry.objects.filter(act="view", patient_id=ada.pk, subject_type="workflows.Run").exists()


def test_what_a_run_made_leads_back_to_it(at_desk, root, ada):
    run = a_run(ada)
    event = EventRecord.objects.get(name="task.created")
    assert event.caused_by == run
    html = at_desk(root).get(page(event)).content.decode()
    assert page(run) in html


def test_a_failed_step_is_retried_skipped_and_the_run_cancelled(at_desk, olga, ada):
    run = a_run(ada, STUCK, {"action": "wait", "parameters": {"amount": 1}}, STOP)
    step = run.steps.get()
    client = at_desk(olga)
    assert [button.label for button in client.get(page(run)).context["steps"][0].buttons] == ["Retry", "Skip"]

    operate(client, "retry_step", step, reason="a team was found")
    step.refresh_from_db()
    assert step.state == QueueState.DUE
    assert AuditEntry.objects.get(act="replay").reason == "a team was found"
    operate(client, "skip_step", step)
    step.refresh_from_db()
    assert step.state == QueueState.SKIPPED
    operate(client, "cancel_run", run)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_what_is_not_possible_any_more_is_a_message(at_desk, olga, ada):
    run = a_run(ada)
    answer = operate(at_desk(olga), "cancel_run", run, next=page(run))
    assert answer.url == page(run)
    run.refresh_from_db()
    assert run.state == Run.State.DONE


def test_nobody_operates_without_the_permission_by_get_or_without_a_token(at_desk, olga, omar, ada):
    step = a_run(ada, STUCK).steps.get()
    assert operate(at_desk(omar), "retry_step", step).status_code == 403
    assert (
        at_desk(olga).get(reverse("admin:workflows_operate", args=["retry_step", step.pk])).status_code == 405
    )
    assert operate(at_desk(olga, enforce_csrf_checks=True), "retry_step", step).status_code == 403
    assert operate(at_desk(olga), "explode", step).status_code == 404
    step.refresh_from_db()
    assert step.state == QueueState.FAILED


def test_a_button_never_leads_elsewhere(at_desk, olga, ada):
    step = a_run(ada, STUCK).steps.get()
    answer = operate(at_desk(olga), "retry_step", step, next="https://evil.example/")
    assert answer.url == reverse("admin:index")


def test_non_runs_say_which_condition_and_why(at_desk, olga, ben, ada):
    version = live("lab_order.ordered", TASK, conditions=FORTY)
    LabOrderFactory(patient=ben)
    work_off()
    client = at_desk(olga)
    html = client.get(list_of(NonMatch), {"automation": version.automation_id}).content.decode()
    assert "stopped by condition 1" in html
    assert "asked: is at least 40" in html
    assert client.get(page(NonMatch.objects.get())).status_code == 200
    assert not client.get(list_of(NonMatch), {"patient": ada.pk}).context["cl"].result_list
    assert len(client.get(list_of(NonMatch), {"patient": ben.pk}).context["cl"].result_list) == 1
    assert AuditEntry.objects.filter(act="list", subject_type="workflows.NonMatch").exists()


# ── Dead letters ──────────────────────────────────────────────────────────────────────────────────────────
def test_dead_letters_of_every_kind_stand_on_one_page(at_desk, olga, ada):
    a_run(ada, STUCK)
    (
        delivery("failed", error_code="500"),
        delivery("held"),
        message(state=QueueState.FAILED, verdict="pending"),
    )
    piles = at_desk(olga).get(reverse("admin:workflows_dead_letters")).context["piles"]
    assert [pile.number for pile in piles] == [1, 2, 1]


def test_the_chosen_are_set_going_and_the_held_only_one_by_one(at_desk, olga, ada):
    step = a_run(ada, STUCK).steps.get()
    dead, held, unread = (
        delivery("failed"),
        delivery("held"),
        message(state=QueueState.FAILED, verdict="pending"),
    )
    client, url = at_desk(olga), reverse("admin:workflows_dead_letters")
    choices = [letter.choice for pile in client.get(url).context["piles"] for letter in pile.letters]
    assert choices.count("") == 1, "the held one cannot be chosen"
    client.post(url, {"chosen": [choice for choice in choices if choice], "reason": "mended"})
    for row in (step, dead, unread):
        row.refresh_from_db()
        assert row.state == QueueState.DUE
    operate(client, "was_sent", held)
    held.refresh_from_db()
    assert held.state == QueueState.DONE


def test_at_most_two_hundred_at_a_time(at_desk, olga):
    dead = delivery("failed")
    at_desk(olga).post(reverse("admin:workflows_dead_letters"), {"chosen": [f"send_again:{dead.pk}"] * 201})
    dead.refresh_from_db()
    assert dead.state == QueueState.FAILED


def test_dead_letters_and_queue_health_are_not_for_everybody(at_desk, nia, olga):
    for name in ("dead_letters", "queue_health"):
        url = reverse(f"admin:workflows_{name}")
        assert at_desk(nia).get(url).status_code == 403
        assert at_desk(olga).get(url).status_code == 200


def test_queue_health_names_the_longest_wait(at_desk, olga):
    delivery("due", due_at=clock.now() - clock.timedelta(minutes=5))
    queues = at_desk(olga).get(reverse("admin:workflows_queue_health")).context["queues"]
    [late] = [queue for queue in queues if queue.is_late]
    assert (late.name, late.due) == ("deliveries", 1)


# ── Messages from outside ─────────────────────────────────────────────────────────────────────────────────
def test_the_page_keeps_the_body_closed_and_opening_it_is_written_down(at_desk, lena, nia):
    row = message()
    client = at_desk(lena)
    assert "Zygomycosis" not in client.get(page(row)).content.decode()
    assert not AuditEntry.objects.filter(act="view").exists()
    opened = client.get(page(row, "body"))
    assert "Zygomycosis" in opened.content.decode()
    assert "no-store" in opened.headers["Cache-Control"]
    entry = AuditEntry.objects.get(act="view")
    assert (entry.actor_id, entry.subject_ids) == (str(lena.pk), [str(row.pk)])
    assert at_desk(nia).get(page(row, "body")).status_code == 403


def test_an_unmatched_message_is_matched_to_a_candidate(at_desk, lena):
    row, order = message(), LabOrderFactory()
    client = at_desk(lena)
    assert [candidate for candidate, _link in client.get(page(row)).context["candidates"]] == [order]
    client.post(page(row, "match"), {"record": str(PatientFactory().pk)})
    assert InboundMessage.objects.get().verdict == "unmatched"
    client.post(page(row, "match"), {"record": str(order.pk), "reason": "same sample"})
    now = InboundMessage.objects.get()
    assert (now.verdict, now.resolved_to) == ("pending", order.pk)


def test_a_message_that_is_not_ours_is_dismissed(at_desk, lena):
    row = message("malformed")
    operate(at_desk(lena), "dismiss", row, reason="a test of theirs")
    assert InboundMessage.objects.get().verdict == "dismissed"


# ── Endpoints ─────────────────────────────────────────────────────────────────────────────────────────────
def sent(**fields: Any) -> dict[str, Any]:
    return {"name": "New", "url": "https://203.0.113.7/hook", "vocabulary": "careops", "header_name": "",
            "header_value": "", **fields}  # fmt: skip


@pytest.fixture
def add(at_desk, olga):
    return lambda **fields: at_desk(olga).post(reverse("admin:workflows_endpoint_add"), sent(**fields))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("url", {"url": "http://169.254.169.254/latest"}),
        ("url", {"url": "https://127.0.0.1/"}),
        ("header_name", {"header_name": "Host", "header_value": "something long"}),
        ("header_value", {"header_name": "X-Key", "header_value": "short"}),
        ("header_name", {"header_value": "something long"}),
        ("subscriptions", {"vocabulary": "careops", "subscriptions": ["labtest.order.updated"]}),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(add, field, wrong):
    answer = add(**wrong)
    assert field in answer.context["adminform"].form.errors
    assert not Endpoint.objects.exists()


def test_the_signing_secret_is_shown_once(add, at_desk, olga, monkeypatch):
    monkeypatch.setattr("workflows.admin.endpoint.check_url", lambda url: None)
    answer = add(url="https://partner.example/hook", subscriptions=["lab_order.completed"])
    made = Endpoint.objects.get()
    secret = made.signing_secret.reveal()
    assert secret in answer.content.decode()
    assert "no-store" in answer.headers["Cache-Control"]
    client = at_desk(olga)
    assert secret not in client.get(page(made)).content.decode()
    rotated = client.post(page(made, "rotate")).content.decode()
    assert Endpoint.objects.get().signing_secret.reveal() in rotated
    assert secret not in rotated
    assert AuditEntry.objects.filter(act="secret", subject_ids=[str(made.pk)]).exists()


def test_a_header_value_is_write_only_and_kept_when_not_typed(at_desk, olga):
    made = endpoint(header_name="X-Key", header_value="super-secret-value")
    client = at_desk(olga)
    shown = client.get(page(made))
    assert "super-secret" not in shown.content.decode()
    seen = shown.context["adminform"].form.seen_json()
    data = sent(name="Renamed", url=made.url, header_name="X-Key", _seen=seen)
    assert client.post(page(made), data).status_code == 302
    now = Endpoint.objects.get()
    assert (now.name, now.header_value.reveal()) == ("Renamed", "super-secret-value")


def test_a_test_event_takes_the_way_of_real_ones(at_desk, olga, nia):
    made = endpoint(subscriptions=["lab_order.completed"])
    assert at_desk(olga).get(page(made, "test")).status_code == 405
    assert at_desk(nia).post(page(made, "test")).status_code == 403
    at_desk(olga).post(page(made, "test"))
    row = Delivery.objects.get()
    assert (row.endpoint, row.state, row.body["type"], row.body["test"]) == (
        made,
        "due",
        "lab_order.completed",
        True,
    )


# ── All of them ───────────────────────────────────────────────────────────────────────────────────────────
MODELS = (Run, EventRecord, NonMatch, Delivery, InboundMessage)


@pytest.mark.parametrize("model", MODELS)
def test_nobody_edits_the_engines_rows(at_desk, root, ada, ben, model):
    a_run(ada, TASK, conditions=FORTY), LabOrderFactory(patient=ben), work_off(), delivery("done"), message()
    row = model.objects.first()
    client = at_desk(root)
    assert client.get(page(row)).status_code == 200
    assert client.post(page(row), {"state": "done"}).status_code == 405
    assert client.post(page(row, "delete"), {"post": "yes"}).status_code == 403
    assert client.get(list_of(model).rstrip("/") + "/add/").status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_no_list_asks_more_for_more_rows(at_desk, root, ada, ben, model):
    def more() -> None:
        LabOrderFactory(patient=ada), LabOrderFactory(patient=ben), work_off(), delivery("failed"), message()

    live("lab_order.ordered", STUCK, conditions=FORTY)
    more()
    client = at_desk(root)

    def asked() -> int:
        with CaptureQueriesContext(connection) as caught:
            client.get(list_of(model))
        return len(caught)

    asked()
    few = asked()
    more(), more()
    assert asked() == few


def test_dead_letters_ask_no_more_for_more(at_desk, root, ada):
    a_run(ada, STUCK)
    client, url = at_desk(root), reverse("admin:workflows_dead_letters")

    def asked() -> int:
        with CaptureQueriesContext(connection) as caught:
            client.get(url)
        return len(caught)

    asked()
    few = asked()
    LabOrderFactory(patient=ada), LabOrderFactory(patient=ada), work_off()
    assert StepRun.objects.filter(state="failed").count() == 3
    assert asked() == few
