"""The demo's automations, written out to be read: RestartiX' samples (reference/seeds.md §3) and two of our own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from careops.demo.past import back_then
from careops.demo.people import Cast
from workflows.engine.publish import publish
from workflows.models import Automation, Endpoint, Step

#: Listens on this machine only; `nc -lk 9000` shows what arrives.
RECEIVER = ("Demo receiver", "http://127.0.0.1:9000/careops")


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    name: str
    description: str
    trigger: str
    steps: tuple[dict[str, Any], ...]
    conditions: dict[str, Any] = field(default_factory=dict)


# ── The words they are written in ─────────────────────────────────────────────────────────────────────────
def fact(name: str, operator: str, value: Any = None, **parameters: int) -> dict[str, Any]:
    said = {"fact": name, "operator": operator}
    return said | ({"value": value} if value is not None else {}) | (
        {"parameters": parameters} if parameters else {}
    )  # fmt: skip


def every(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"all": list(conditions)}


def step(action: str, only_if: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    return {"action": action, "parameters": parameters, "only_if": only_if or {}}


def email(subject: str, body: str, only_if: dict[str, Any] | None = None) -> dict[str, Any]:
    body = f"Dear {{{{ patient.first_name }}}},\n\n{body}\n\n{{{{ clinic.name }}}}, {{{{ clinic.phone }}}}"
    return step("send_email", only_if, to="patient", subject=subject, body=body)


def task(title: str, assign_to: str, days: int, **more: Any) -> dict[str, Any]:
    return step("create_task", title=title, assign_to=assign_to, due_amount=days, due_unit="days", **more)


def wait(amount: int, unit: str, **more: Any) -> dict[str, Any]:
    return step("wait", amount=amount, unit=unit, **more)


# ── The examples ──────────────────────────────────────────────────────────────────────────────────────────
def examples(receiver: Endpoint) -> tuple[Example, ...]:
    return (
        Example(
            name="Welcome new patients",
            description="A letter on the first day, and somebody who looks after their papers.",
            trigger="patient.onboarded",
            steps=(
                email("Welcome to {{ clinic.name }}", "it is good to have you with us."),
                task("Collect intake forms and insurance card", "role", 2, role="front desk"),
            ),
        ),
        Example(
            name="Remind of tomorrow's visit",
            description="A day before the visit, unless it was called off meanwhile.",
            trigger="appointment.confirmed",
            steps=(
                wait(24, "hours", field="appointment.starts_at", direction="before"),
                email(
                    "Your visit on {{ appointment.date }}",
                    "we expect you at {{ appointment.time }}. Call us if you cannot come.",
                    only_if=every(fact("appointment.state", "equals", "confirmed")),
                ),
            ),
        ),
        Example(
            name="Ask how the first evaluation went",
            description="A short survey, a day after it.",
            trigger="appointment.completed",
            conditions=every(fact("appointment.service", "equals", "Initial Evaluation")),
            steps=(
                wait(24, "hours"),
                email(
                    "How was your first visit?",
                    "did {{ practitioner.name | default: 'we' }} take enough time for you? Reply with a word or two.",
                ),
                task("Two-week check after the evaluation", "role", 14, role="clinician"),
            ),
        ),
        Example(
            name="Win back patients we have not seen",
            description="Somebody calls off, and we have not seen them for three months.",
            trigger="appointment.cancelled",
            conditions=every(fact("patient.has_visit", "is_false", last_days=90)),
            steps=(
                task(
                    "Call: no visit in three months",
                    "role",
                    1,
                    role="front desk",
                    priority="high",
                    dedupe_key="win-back {{ patient.id }}",
                ),
            ),
        ),
        Example(
            name="Offer a new time",
            description="A patient called off on the portal: the front desk looks for another day.",
            trigger="appointment.cancelled",
            conditions=every(fact("event.actor.kind", "equals", "patient")),
            steps=(task("Offer a new time", "role", 1, role="front desk"),),
        ),
        Example(
            name="Fall risk check from 65 on",
            description="Their care team prepares for the visit of an older patient.",
            trigger="appointment.create",
            conditions=every(fact("patient.age", "at_least", 65)),
            steps=(
                task(
                    "Fall risk check before the visit",
                    "patients_care_team",
                    3,
                    checklist="Medication list\nBlood pressure, lying and standing\nWalking aid",
                    dedupe_key="fall-risk {{ patient.id }}",
                ),
            ),
        ),
        Example(
            name="Follow up final lab results from 40 on",
            description="The clinician looks first, then the patient hears that results are in, then partners do.",
            trigger="completed.on_site_collection.completed",
            conditions=every(fact("patient.age", "at_least", 40)),
            steps=(
                task("Review the lab results", "role", 1, role="clinician", priority="high"),
                wait(1, "minutes"),
                email("Your results are in", "your practitioner is looking at them and will tell you more."),
                step("call_webhook", endpoint=str(receiver.pk)),
            ),
        ),
        Example(
            name="Order the lab test that an order waits for",
            description="The bridge from orders to the lab: neither of the two knows the other.",
            trigger="order.awaiting_requisition",
            steps=(
                step("create_lab_order", test="metabolic", requisition=True),
                email("One blood test before we ship", "please come in for a short blood test."),
            ),
        ),
        Example(
            name="Tell when the parcel leaves",
            description="Fires once, although order.status_updated tells of the same moment.",
            trigger="order.shipped",
            steps=(email("Your order is on its way", "we have handed your parcel over today."),),
        ),
    )


def seed(cast: Cast) -> str:
    olga = cast.staff["olga"]
    with back_then(days=30, by=olga):
        receiver = Endpoint.objects.create(name=RECEIVER[0], url=RECEIVER[1])
        told = examples(receiver)
        for example in told:
            _publish(example, cast)
    return f"{len(told)} automations, live"


def _publish(example: Example, cast: Cast) -> None:
    automation = Automation.objects.create(
        name=example.name,
        description=example.description,
        trigger=example.trigger,
        conditions=example.conditions,
    )
    for position, one in enumerate(example.steps, start=1):
        Step.objects.create(automation=automation, position=position, **one)
    publish(automation, by=cast.staff["olga"])
