"""The audit trail is only ever added to; the database itself sees to it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry, User
from careops.lib import clock


@pytest.fixture
def entry(root) -> AuditEntry:
    patient = uuid.UUID("01890000-0000-7000-8000-000000000001")
    return audit(
        AuditEntry.Act.VIEW, Actor.of(root), User, [7, patient], patient_id=patient, reason="asked to"
    )


def test_an_entry_says_who_did_what_to_whom(entry, root):
    entry = AuditEntry.objects.get(pk=entry.pk)
    assert (entry.actor_kind, entry.actor_id, entry.act) == ("staff", str(root.pk), "view")
    assert entry.subject_type == "access.User"
    assert entry.subject_ids == ["7", "01890000-0000-7000-8000-000000000001"]
    assert entry.reason == "asked to"
    assert str(entry) == f"Audit entry {entry.pk}"
    assert abs(entry.at - clock.now()) < timedelta(seconds=10)


def test_what_belongs_to_one_request_shares_its_id(root):
    request = uuid.uuid4()
    written = audit(AuditEntry.Act.LIST, Actor.of(root), User, [], correlation_id=request)
    assert AuditEntry.objects.get(pk=written.pk).correlation_id == request


@pytest.mark.parametrize(
    ("statement", "verb"),
    [
        ("UPDATE access_auditentry SET reason = ''", "UPDATE"),
        ("UPDATE access_auditentry SET reason = '' WHERE id = -1", "UPDATE"),
        ("DELETE FROM access_auditentry", "DELETE"),
    ],
)
def test_the_database_refuses_to_rewrite_it(statement, verb, entry):
    with (
        pytest.raises(IntegrityError, match=f"The audit trail is append-only: {verb} refused."),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert AuditEntry.objects.get(pk=entry.pk).reason == "asked to"


def test_so_it_does_behind_the_orm(entry):
    entry.reason = "never mind"
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.delete()
