"""Practitioners over the API: to read."""

from __future__ import annotations

import pytest

from tests.api.support import Caller
from tests.factories.patients import PractitionerFactory

pytestmark = pytest.mark.django_db

PRACTITIONERS = "/api/v1/practitioners/"


def test_practitioners_are_read_and_nothing_else(partner: Caller) -> None:
    working, gone = PractitionerFactory(), PractitionerFactory(active=False)
    found = partner.get(PRACTITIONERS, {"active": "true"}).json()["results"]
    assert [(row["id"], row["active"]) for row in found] == [(str(working.pk), True)]
    one = partner.get(f"{PRACTITIONERS}{gone.pk}/").json()
    assert (one["last_name"], one["credentials"], one["clinic"]) == (
        gone.last_name,
        "MD",
        str(gone.clinic_id),
    )
    assert "email" not in one
    assert partner.patch(f"{PRACTITIONERS}{gone.pk}/", {"active": True}).status_code == 405
    assert partner.post(PRACTITIONERS, {}).status_code == 405
