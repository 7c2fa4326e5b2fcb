"""Groups of workers: one may vanish as a whole, hang, or be asked to end; the work goes on and nobody stays behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from patients.models import Patient
from tests.processes.checker import violations
from tests.processes.support import (
    WorkerGroup,
    World,
    a_starting_group,
    eventually,
    kill,
    left_to_do,
    manage,
    onboard,
    settled,
    the_world,
    welcome,
    worker_groups,
)
from workflows.models import Delivery, Drainer, Run, StepRun

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("processes"),
]


#: What one patient brings: a task, an email, a webhook, and a look at whether somebody is to be told of the task.
STEPS_EACH = 4


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with the_world(tmp_path) as world:
        welcome(world)
        yield world


def done_by(group: WorkerGroup) -> int:
    return StepRun.objects.filter(state="done", worker__contains=f":{group.name}:").count()


def welcomed() -> int:
    return Run.objects.filter(version__isnull=False, state="done").count()


def test_one_of_two_groups_is_killed_half_way_and_the_other_finishes(tmp_path: Path, world: World) -> None:
    with worker_groups(2, tmp_path, **world.environment()) as [doomed, other]:

        def both_have_done_more_than_a_fifth() -> bool:
            if left_to_do() < 100:
                onboard(5)
            of_all = STEPS_EACH * (Patient.objects.count() + 20)
            return Patient.objects.count() >= 80 and min(done_by(doomed), done_by(other)) > of_all / 5

        eventually("both do their share", both_have_done_more_than_a_fifth)
        onboard(20)
        doomed.end()
        assert left_to_do()
        settled()
        assert min(done_by(doomed), done_by(other)) > StepRun.objects.count() / 5
        assert welcomed() == Patient.objects.count()
    assert violations(world.posts, world.letters()) == []


def test_a_backlog_is_worked_off_without_django_q(world: World) -> None:
    onboard(60)
    said = manage("drain", **world.environment()).stdout
    assert said.startswith("Nothing is due any more")
    assert violations(world.posts, world.letters()) == []
    assert (welcomed(), len(world.posts), len(world.letters())) == (60, 60, 60)


@pytest.mark.parametrize(
    ("hit", "number"),
    [
        (WorkerGroup.crew, signal.SIGSTOP),  # django-q2's own guard hangs too: only the supervisor can see it
        (WorkerGroup.workers, signal.SIGSTOP),
        (WorkerGroup.workers, signal.SIGKILL),
    ],
    ids=["everything stopped", "all workers stopped", "all workers killed"],
)
def test_an_idle_group_that_hangs_is_started_anew(
    tmp_path: Path, world: World, hit: Callable[[WorkerGroup], set[int]], number: signal.Signals
) -> None:
    with worker_groups(1, tmp_path, **world.environment()) as [group]:
        onboard(1)
        settled()
        for pid in hit(group):
            kill(pid, number)
        onboard(5)
        settled()
        assert welcomed() == 6
    assert violations(world.posts, world.letters()) == []


def test_a_group_that_is_asked_to_end_finishes_what_it_has_begun(tmp_path: Path, world: World) -> None:
    world.slow_every, world.slow_seconds = 1, 2.0
    with worker_groups(1, tmp_path, **world.environment()) as [group]:
        onboard(6)
        eventually("all webhooks are on their way", lambda: len(world.posts) == 6)
        group.supervisor.terminate()
        group.supervisor.wait(20)
        assert group.members() == set()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}
    assert len(world.posts) == 6
    assert not Drainer.objects.filter(name__contains=group.name).exists()


def test_a_group_that_is_asked_to_end_while_it_starts_ends(tmp_path: Path) -> None:
    with a_starting_group(tmp_path) as group:
        group.supervisor.terminate()
        group.supervisor.wait(20)
        assert group.members() == set()


@pytest.mark.parametrize("part", ["supervisor", "sentinel"])
def test_nobody_works_on_without_the_one_who_watches(tmp_path: Path, part: str) -> None:
    with worker_groups(1, tmp_path) as [group]:
        orphans = group.crew() if part == "supervisor" else group.workers()
        kill(group.supervisor.pid if part == "supervisor" else group.sentinel().pop())
        eventually("the orphans are gone", lambda: not orphans & group.crew(), seconds=10)
        if part == "sentinel":
            eventually("there is a new cluster", group.is_complete)


def test_a_supervisor_that_dies_while_its_cluster_starts_leaves_nobody(tmp_path: Path) -> None:
    with a_starting_group(tmp_path) as group:
        kill(group.supervisor.pid)
        eventually("nobody is left", lambda: not group.members())
