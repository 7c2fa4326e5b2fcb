"""Patients at the portal: signed in as themselves, each with their own browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from careops.access.actor import Actor
from careops.access.models import User
from careops.lib import clock
from labs.models import Report
from patients.models import Appointment, Patient
from tests.conftest import person
from tests.factories.patients import AppointmentFactory


def account(patient: Patient) -> User:
    """The user who signs in as that patient; made when first asked for."""
    if patient.user is None:
        patient.user = person(patient.email, staff=False, first_name=patient.first_name)
        patient.save()
    return patient.user


def sign_in_as(patient: Patient, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(account(patient))
    return client


@pytest.fixture
def at_portal(db: None) -> Callable[..., Client]:
    """``at_portal(ada)``: Ada's browser, signed in."""
    return sign_in_as


def visit_in(patient: Patient, **ahead: float) -> Appointment:
    """``visit_in(ada, days=3)``: half an hour, that long from now."""
    state = ahead.pop("state", "booked")
    starts = clock.now() + timedelta(**ahead)
    return AppointmentFactory(
        patient=patient, starts_at=starts, ends_at=starts + timedelta(minutes=30), state=state
    )


def released(report: Report) -> Report:
    """The same report, final and released to its patient; it needs a marker."""
    return report.perform("finalise", by=Actor.system()).perform("release", by=Actor.system())


def text_of(answer: Any) -> str:
    """What the page says, without its markup and with single spaces."""
    body = re.sub(r"<(style|title)[^>]*>.*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(body).split())


def said(answer: Any) -> list[str]:
    """The messages on the page."""
    return [str(message) for message in answer.context["messages"]]
