"""Whatever is killed, whenever: nothing is lost, nothing happens twice, and what nobody can know is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patients.models import Message
from tests.processes.checker import violations
from tests.processes.support import (
    WorkerGroup,
    eventually,
    kill,
    onboard,
    settled,
    the_world,
    welcome,
    worker_groups,
)
from workflows.models import Delivery, EventBatch, Queued, QueueState, Run, StepRun

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("processes"),
]

#: Whom the kills hit, in turn: workers that follow events and carry out steps, workers that send, and once in a while
#: django-q2's own parts.
ROUND = (
    "steps",
    "sends",
    "steps",
    "monitor",
    "sends",
    "steps",
    "pusher",
    "sends",
    "steps",
    "sends",
    "sentinel",
)
ROUNDS = 3
PATIENTS_PER_KILL = 16


def at_work(group: WorkerGroup, *models: type[Queued]) -> set[int]:
    """The workers that hold rows at this moment. Whoever holds a row that died twice already is left alone: a third time
    would make it a dead letter, as it should."""
    held = [
        row
        for model in models
        for row in model.objects.filter(state="running").values_list("worker", "crashes")
    ]
    doomed = {worker for worker, crashes in held if crashes >= 2}
    pattern = re.compile(rf":{group.name}:(\d+):")
    pids = {
        int(found[1]) for name, _crashes in held if name not in doomed and (found := pattern.search(name))
    }
    return {pid for pid in pids if group.owns(pid)}


def victims(group: WorkerGroup, whom: str) -> set[int]:
    if whom == "steps":
        return at_work(group, StepRun, EventBatch)
    if whom == "sends":
        return at_work(group, Delivery)
    return group.part(whom)


def rampage(group: WorkerGroup) -> list[str]:
    """Feed the group and kill its processes one after the other, each in the middle of its work."""
    killed = []
    for whom in ROUND * ROUNDS:
        onboard(PATIENTS_PER_KILL)
        kill(min(eventually(f"there are {whom} to kill", lambda whom=whom: victims(group, whom))))
        killed.append(whom)
    return killed


def test_thirty_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    with the_world(tmp_path) as world:
        welcome(world)
        with worker_groups(1, tmp_path, **world.environment()) as [group]:
            killed = rampage(group)
            settled()
            group.end()
        assert group.members() == set()
        assert violations(world.posts, world.letters()) == []

    held = Delivery.objects.filter(state=QueueState.HELD)
    assert len(killed) == 33
    assert Run.objects.filter(version__isnull=False).count() == 33 * PATIENTS_PER_KILL
    assert held.count() <= len(killed)
    assert held.count() == Message.objects.filter(state="outcome_unknown").count()
