"""Every move of every machine names who may make it and what it tells; every state can be reached."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.contrib.auth.models import Permission
from django.db.models import CheckConstraint, Q
from django.utils.functional import Promise

from tests.architecture.sources import imported
from workflows.catalogue import SILENT, Event, Kind, Machine, Move, events
from workflows.catalogue.machine import announced
from workflows.management.charts import all_machines, drawing, edges, initial

every_machine = pytest.mark.parametrize("machine", all_machines(), ids=lambda model: model._meta.label)


def named(machine: type[Machine], move: Move) -> str:
    return f"{machine._meta.label}.{move.name}"


@every_machine
def test_every_move_names_a_permission_or_is_the_systems_alone(machine: type[Machine]) -> None:
    open_to_all = [
        named(machine, move) for move in machine.moves().values() if not move.needs and move.offered
    ]
    assert open_to_all == []


@every_machine
def test_every_move_names_an_event_or_is_silent(machine: type[Machine]) -> None:
    for move in machine.moves().values():
        targets = {edge.target for edge in edges(machine) if edge.move is move}
        if isinstance(move.announces, Mapping):
            assert set(move.announces) == targets, named(machine, move)
        told = move.announces.values() if isinstance(move.announces, Mapping) else [move.announces]
        assert all(isinstance(one, Event) or one is SILENT for one in told), named(machine, move)


@every_machine
def test_every_move_has_a_label_that_can_be_translated(machine: type[Machine]) -> None:
    assert [
        named(machine, move) for move in machine.moves().values() if not isinstance(move.label, Promise)
    ] == []


@every_machine
def test_every_state_is_reached(machine: type[Machine]) -> None:
    reached, ways = {initial(machine)}, edges(machine)
    while found := {way.target for way in ways if way.source in reached} - reached:
        reached |= found
    assert reached == set(machine.states())


@every_machine
def test_the_table_refuses_unknown_states(machine: type[Machine]) -> None:
    lists = [
        set(constraint.condition.children[0][1])
        for constraint in machine._meta.constraints
        if isinstance(constraint, CheckConstraint) and _lists_states(constraint.condition)
    ]
    assert lists == [set(machine.states())]


def _lists_states(condition: Q) -> bool:
    children = condition.children
    return len(children) == 1 and not condition.negated and children[0][0] == "state__in"


@every_machine
@pytest.mark.django_db
def test_every_permission_exists_once_migrated(machine: type[Machine]) -> None:
    rows = Permission.objects.values_list("content_type__app_label", "codename")
    known = {f"{app_label}.{codename}" for app_label, codename in rows}
    assert {move.needs for move in machine.moves().values()} - {""} - known == set()


@every_machine
def test_it_can_be_drawn(machine: type[Machine]) -> None:
    lines = drawing(machine).splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert sum('state "' in line for line in lines) == len(machine.states())


def test_every_declared_transition_is_announced_by_a_move() -> None:
    told = {
        event.name for model in all_machines() for move in model.moves().values() for event in announced(move.announces)
    }  # fmt: skip
    assert {event.name for event in events if event.kind is Kind.TRANSITION} - told == set()


def test_only_the_catalogue_uses_django_fsms_own_transition() -> None:
    names = {"django_fsm.transition", "django_fsm.ConcurrentTransitionMixin", "django_fsm.FSMModelMixin"}
    found = [place for place, what in imported(beside=("workflows/catalogue/machine.py",)) if what in names]
    assert found == []
