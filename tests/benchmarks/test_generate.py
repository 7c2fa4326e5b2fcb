"""The crowd: as many as were asked for, each row one that a person could have made, the same rows every time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Count, Max, Min, Model

from careops.demo.crowd import making
from careops.demo.crowd.people import mrn
from careops.lib.ids import uuid7
from labs.models import LabOrder, Report, Requisition, Result
from orders.models import Order, OrderLine
from patients.models import Appointment, Clinic, Patient, Task
from workflows.catalogue import events
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

UNTIL = datetime(2026, 11, 22, tzinfo=UTC)
MACHINES = (Patient, Appointment, Order, LabOrder, Requisition, Report, Task)


def make(patients: int = 200, orders: int = 300, seed: int = 7, *, bare: bool = False) -> None:
    making.make(making.Size(patients, orders, bare=bare), seed=seed, until=UNTIL, out=StringIO())


def test_there_are_as_many_as_were_asked_for() -> None:
    make()
    counted = {model: model.objects.count() for model in MACHINES}
    assert counted[Patient] == 200
    assert counted[Appointment] == 400
    assert counted[Order] == 300
    assert (counted[LabOrder], counted[Task]) == (50, 40)
    assert set(Appointment.objects.values("patient").annotate(n=Count("pk")).values_list("n", flat=True)) == {
        2
    }
    assert not Order.objects.filter(lines=None).exists()
    assert not Report.objects.filter(results=None).exists()


def test_every_row_is_one_a_person_could_have_made() -> None:
    make()
    rows = [row for model in making.WRITTEN if model is not EventRecord for row in model._base_manager.all()]
    assert len(rows) > 1500
    for row in rows:
        row.clean_fields()
    assert not Patient.objects.filter(birth_date__gt=UNTIL).exists()
    latest = [model.objects.aggregate(last=Max("updated_at"))["last"] for model in MACHINES]
    assert max(latest) <= UNTIL


def test_the_history_is_numbered_in_the_order_of_time_and_starts_nothing() -> None:
    make()
    told = EventRecord.objects.order_by("position")
    count = told.count()
    assert list(told.values_list("position", flat=True)) == list(range(1, count + 1))
    moments = list(told.values_list("occurred_at", flat=True))
    assert moments == sorted(moments)
    assert list(told.values_list("id", flat=True)) == sorted(told.values_list("id", flat=True))
    assert set(told.values_list("quiet", "actor_kind", "depth")) == {(True, "system", 0)}
    assert all(set(data) <= set(events.get(name).carries) for name, data in told.values_list("name", "data"))


def test_the_last_event_of_a_record_tells_the_state_it_is_in() -> None:
    make()
    told: dict[Any, str] = {}
    for subject, data in EventRecord.objects.order_by("position").values_list("subject_id", "data"):
        told[subject] = data.get("to", "")
    for model in MACHINES:
        states = dict(model.objects.values_list("pk", "state"))
        assert {pk: told[pk] for pk in states} == states
    assert (
        EventRecord.objects.filter(patient_id=None)
        .exclude(name__regex="^(clinic|practitioner|care_team|lab_test)")
        .count()
        == 0
    )


def test_a_later_history_goes_on_where_the_positions_ended() -> None:
    first = EventRecord.objects.create(
        name="clinic.created", subject_type="patients.Clinic", subject_id=uuid7(), position=41
    )
    make(patients=3, orders=2)
    crowd = EventRecord.objects.exclude(pk=first.pk).aggregate(
        first=Min("position"), last=Max("position"), n=Count("pk")
    )
    assert (crowd["first"], crowd["last"]) == (42, 41 + crowd["n"])


def test_a_bare_crowd_is_patients_and_visits() -> None:
    make(patients=20, orders=30, bare=True)
    assert (Patient.objects.count(), Appointment.objects.count()) == (20, 40)
    for model in (Order, LabOrder, Task, EventRecord):
        assert not model.objects.exists()


def test_the_same_seed_gives_the_same_rows() -> None:
    first, again, other = rolled_back(7), rolled_back(7), rolled_back(8)
    assert first == again
    assert first != other


def test_every_record_number_is_another_one() -> None:
    assert len({mrn(place) for place in range(20_000)}) == 20_000


def rolled_back(seed: int) -> list[tuple[Any, ...]]:
    """All rows of a crowd that is gone again, without what a sequence of the database numbered."""
    with transaction.atomic():
        make(patients=40, orders=60, seed=seed)
        rows = [row for model in making.WRITTEN for row in values(model)]
        transaction.set_rollback(True)
    assert not Patient.objects.exists()
    return rows


def values(model: type[Model]) -> Iterator[tuple[Any, ...]]:
    numbered = {"number"} if model is Order else {"id"} if model is EventRecord else set()
    names = [field.attname for field in model._meta.concrete_fields if field.name not in numbered]
    yield from model._base_manager.order_by(
        "created_at" if "created_at" in names else "position", "pk"
    ).values_list(*names)


# ── The command ───────────────────────────────────────────────────────────────────────────────────────────
def generate(*words: str) -> str:
    said = StringIO()
    call_command("generate", "--patients", "5", "--orders", "4", *words, stderr=said, stdout=said)
    return said.getvalue()


def test_the_command_says_how_far_it_is(settings: Any) -> None:
    settings.DEMO = True
    said = generate("--until", "2026-11-22")
    assert [line.split()[:2] for line in said.splitlines()][:2] == [["Patients", "5"], ["Appointments", "10"]]
    assert (Patient.objects.count(), Order.objects.count()) == (5, 4)
    assert OrderLine.objects.filter(order__patient__clinic__name__startswith="Crowd Health").count() >= 4


def test_it_refuses_a_database_that_may_hold_real_patients(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEMO = False
    monkeypatch.setitem(connection.settings_dict, "NAME", "careops")
    with pytest.raises(CommandError, match="ends with _bench"):
        generate()
    assert not Clinic.objects.exists()
    monkeypatch.setitem(connection.settings_dict, "NAME", "careops_bench")
    generate()
    assert Patient.objects.count() == 5


def test_it_refuses_to_make_a_second_crowd(settings: Any) -> None:
    settings.DEMO = True
    generate()
    with pytest.raises(CommandError, match="here already"):
        generate()
    assert (Patient.objects.count(), Result.objects.count()) == (5, Result.objects.count())
