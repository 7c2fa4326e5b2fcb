"""Every field says how private it is, and no record's name gives away what is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import CharField, Field, TextField

from careops.lib.clock import now
from labs.models.lab_order import LabOrderStatus
from orders.models import OrderLine
from tests.architecture.sources import records
from tests.factories import labs, orders, patients
from workflows.catalogue import Privacy, Record
from workflows.models import Automation, Endpoint

GUARDED = {Privacy.PERSONAL, Privacy.PHI, Privacy.RESTRICTED}
FACTORIES = {
    factory._meta.model: factory
    for module in (patients, labs, orders)
    for factory in vars(module).values()
    if hasattr(factory, "_meta") and isinstance(getattr(factory._meta, "model", None), type)
}
#: What a record may be named by all the same: a number made up for being read out, which says nothing about anybody.
NUMBERS = {"patients.Patient": {"mrn"}}
#: Records without a factory that makes a whole one.
BY_HAND = {
    OrderLine: lambda: orders.OrderFactory(lines=1).lines.get(),
    Automation: lambda: Automation.objects.create(name="Nightly", trigger="task.created"),
    Endpoint: lambda: Endpoint.objects.create(name="Partner", url="https://partner.example/hook"),
    LabOrderStatus: lambda: LabOrderStatus.objects.create(
        order=labs.LabOrderFactory(), status=labs.status("ordered"), key="1", occurred_at=now(), rank=10, applied=False
    ),
}  # fmt: skip

every_record = pytest.mark.parametrize("model", records(), ids=lambda model: model._meta.label)


def make(model: type[Record]) -> Any:
    return BY_HAND[model]() if model in BY_HAND else FACTORIES[model]()


def own_fields(model: type[Record]) -> list[Field]:
    """What the model must judge: not its id, its references, its state, nor what the base keeps by itself."""
    given = {"state", *Record.BOOKKEEPING}
    return [
        field
        for field in model._meta.concrete_fields
        if not (field.primary_key or field.is_relation or field.name in given)
    ]


@every_record
def test_every_field_has_its_privacy_class(model: type[Record]) -> None:
    privacy = getattr(model, "privacy", {})
    assert sorted({field.name for field in own_fields(model)} - set(privacy)) == []
    assert set(privacy) <= {field.name for field in model._meta.fields}
    assert all(isinstance(level, Privacy) for level in privacy.values())


@every_record
@pytest.mark.django_db
def test_its_name_tells_nothing_private(model: type[Record]) -> None:
    record = make(model)
    secrets = {
        field.attname: f"zqx{place}"
        for place, field in enumerate(own_fields(model))
        if getattr(model, "privacy", {}).get(field.name) in GUARDED
        and isinstance(field, CharField | TextField)
        and field.name not in NUMBERS.get(model._meta.label, ())
    }
    for name, secret in secrets.items():
        setattr(record, name, secret)
    shown = str(record)
    assert shown
    assert [name for name, secret in secrets.items() if secret in shown] == []
    assert [value for value in private_values(record) if value in shown] == []


def private_values(record: Any) -> list[str]:
    """What is known of the person behind the record, as it may slip into a text."""
    person = getattr(record, "patient", None)
    if person is None:
        return []
    return [person.first_name, person.last_name, person.email, person.phone, person.birth_date.isoformat()]


def test_there_are_records_to_judge() -> None:
    assert {model for model in records() if model not in FACTORIES and model not in BY_HAND} == set()
