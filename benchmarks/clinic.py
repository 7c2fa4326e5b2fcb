"""A small clinic to measure with: patients, automations that listen, events that wait to be dispatched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from careops.access.actor import Actor
from patients import events
from patients.models import Clinic, Patient
from workflows.catalogue.recording import draft, quietly, sink
from workflows.engine.dispatch import dispatch
from workflows.engine.publish import publish
from workflows.models import Automation, AutomationVersion, Step

TASK = {
    "action": "create_task",
    "parameters": {"title": "Welcome call", "assign_to": "role", "role": "clinician"},
}
#: What a day leaves behind; patients, clinics and automations stay.
LEFT_BEHIND = (
    "workflows_eventrecord", "workflows_eventbatch", "workflows_run", "workflows_steprun", "workflows_nonmatch",
    "workflows_delivery", "workflows_inboundmessage", "patients_task", "patients_notification", "patients_message",
)  # fmt: skip


def patients(count: int) -> list[Patient]:
    """So many adults, registered quietly: nobody hears of them."""
    with quietly():
        clinic, _new = Clinic.objects.get_or_create(name="Bench Clinic")
        made = Patient.create_many([_patient(clinic, number) for number in range(count)])
    while dispatch():
        pass
    return made


def _patient(clinic: Clinic, number: int) -> Patient:
    return Patient(
        first_name="Pat",
        last_name=f"Example {number}",
        birth_date=date(1950, 1, 1) + timedelta(days=number % 15_000),
        email=f"pat{number}@mail.example",
        clinic=clinic,
    )


def adults() -> dict[str, Any]:
    """A condition that holds for every one of them."""
    return {"all": [{"fact": "patient.age", "operator": "at_least", "value": 18}]}


def nobody() -> dict[str, Any]:
    """A condition that holds for none of them."""
    return {"all": [{"fact": "patient.age", "operator": "at_least", "value": 120}]}


def live(name: str, trigger: str, *steps: dict[str, Any], **fields: Any) -> AutomationVersion:
    """An automation as staff would have published it."""
    automation = Automation.objects.create(name=name, trigger=trigger, **fields)
    for position, step in enumerate(steps):
        Step.objects.create(automation=automation, position=position, **step)
    return publish(automation, by=Actor.system())


def onboarded(who: Sequence[Patient]) -> None:
    """The event that all of them were taken on, all at once: a backlog that appears in one commit."""
    with transaction.atomic():
        for start in range(0, len(who), 1000):
            sink().record(
                [
                    draft(events.PATIENT_ONBOARDED, patient, data={"from": "registered", "to": "onboarded"})
                    for patient in who[start : start + 1000]
                ]
            )


def clear() -> None:
    """Forget everything that happened."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(LEFT_BEHIND)} CASCADE")


def count(sql: str) -> int:
    """The number that a query asks for."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])
