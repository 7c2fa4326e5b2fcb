"""What does it cost that a transition is told of?

``perform()`` locks the row, checks the permission, runs the transition, writes what changed together with the event, and
wakes a worker that waits. Against it: the same table and the same transitions with django-fsm alone, as one writes it
by hand: in one transaction ``select_for_update``, the transition, ``save(update_fields=["state"])``, nobody told. Rows
and connection are warm; blocks of 200 transitions, turn by turn, of which the median counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, models, transaction
from django_fsm import FSMField
from django_fsm import transition as fsm_transition

from benchmarks import clinic
from benchmarks.measuring import ratios, rounds
from benchmarks.outcome import Outcome
from careops.access.actor import Actor
from careops.access.models import User
from patients.models import Patient
from workflows.catalogue.recording import quietly
from workflows.models import Drainer

ROWS = 20
BLOCK = 100
ROUNDS = 15
#: Round and round, so that every row can be moved again and again. Neither move does anything besides.
MOVES = ("deactivate", "reactivate")
State = Patient.State

#: As nearly always somebody waits for work, and is really woken.
PERFORM = "perform()"
BY_HAND = "lock, transition, save"
UNHEARD = "perform() while every worker is busy, so that nobody need be woken"


class PlainPatient(models.Model):
    """The table of patients as django-fsm alone would keep it: all of its columns, two moves, nobody told."""

    id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    mrn = models.CharField(max_length=32)
    user_id = models.BigIntegerField(null=True)
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    birth_date = models.DateField(null=True)
    sex = models.CharField(max_length=8)
    language = models.CharField(max_length=12)
    timezone = models.CharField(max_length=64)
    email = models.EmailField()
    phone = models.CharField(max_length=32)
    street = models.CharField(max_length=200)
    city = models.CharField(max_length=100)
    region = models.CharField(max_length=100)
    zip = models.CharField(max_length=16)
    country = models.CharField(max_length=2)
    clinic_id = models.UUIDField()
    practitioner_id = models.UUIDField(null=True)
    care_team_id = models.UUIDField(null=True)
    state = FSMField(default=State.REGISTERED)
    deceased_on = models.DateField(null=True)
    merged_into_id = models.UUIDField(null=True)

    class Meta:
        app_label = "patients"
        managed = False
        db_table = Patient._meta.db_table

    def __str__(self) -> str:
        return str(self.pk)

    @fsm_transition(state, source=State.ONBOARDED, target=State.INACTIVE)
    def deactivate(self) -> None:
        pass

    @fsm_transition(state, source=State.INACTIVE, target=State.ONBOARDED)
    def reactivate(self) -> None:
        pass


def run() -> Outcome:
    by, patients = _somebody(), _patients()
    contenders = {
        PERFORM: lambda: _block(patients, lambda patient, move: patient.perform(move, by=by), waiting=True),
        BY_HAND: lambda: _block(patients, lambda patient, move: _by_hand(patient.pk, move), waiting=True),
        UNHEARD: lambda: _block(patients, lambda patient, move: patient.perform(move, by=by), waiting=False),
    }
    for contender in contenders.values():
        contender()
    found = rounds(ROUNDS, contenders)
    told = clinic.count(
        "SELECT count(*) FROM workflows_eventrecord WHERE name LIKE 'patient.%activated' AND NOT quiet"
    )
    if told < ROUNDS * BLOCK:
        raise AssertionError(f"Only {told} events were recorded.")
    outcome = Outcome()
    outcome.at_most(
        "perform() against lock + transition + save without an event",
        1.3,
        ratios(found[PERFORM], found[BY_HAND]),
        "×",
    )
    for name, values in found.items():
        outcome.figure(name, values, "ms")
    outcome.figures.append(("statements of one perform()", str(_statements(patients[0], by))))
    return outcome


def _somebody() -> Actor:
    """A clinician, whose permissions are asked for and found."""
    user = User.objects.create_user("clinician@clinic.example", "bench-bench-bench", is_staff=True)
    user.groups.add(Group.objects.get(name="clinician"))
    return Actor.of(user)


def _patients() -> list[Patient]:
    with quietly():
        return [patient.perform("onboard", by=Actor.system()) for patient in clinic.patients(ROWS)]


def _block(patients: list[Patient], move: Callable[[Any, str], object], *, waiting: bool) -> float:
    """Milliseconds of the median transition, with or without somebody waiting for work. Every row ends as it began."""
    Drainer.objects.all().delete()
    Drainer.objects.create(name="bench", lane="default", idle=waiting)
    taken = []
    for number in range(BLOCK):
        patient = patients[number % ROWS]
        for name in MOVES:
            began = time.perf_counter()
            move(patient, name)
            taken.append(time.perf_counter() - began)
    return 1000 * median(taken)


def _by_hand(pk: object, move: str) -> None:
    with transaction.atomic():
        patient = PlainPatient.objects.select_for_update().get(pk=pk)
        getattr(patient, move)()
        patient.save(update_fields=["state"])


def _statements(patient: Patient, by: Actor) -> int:
    """How often perform() speaks to the database, its transaction's beginning and end left out."""
    seen: list[str] = []

    def remember(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(remember):
        patient.perform("deactivate", by=by)
    return len(seen)
