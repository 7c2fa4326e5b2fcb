"""The checker sees what it is there to see: each kind of damage, done by hand, is a violation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.db import connection
from environ import Env

from tests.processes.checker import violations
from tests.processes.support import Post, World, database_url, onboard, the_world, welcome
from tests.workflows.support import work_off
from workflows.models import Run


@pytest.fixture
def world(db: None, tmp_path: Path, settings: object) -> Iterator[World]:
    """Three patients were welcomed, and nothing went wrong."""
    with the_world(tmp_path) as world:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{world.port}"]
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = str(world.letter_box)
        welcome(world)
        onboard(3)
        work_off()
        yield world


def found(world: World) -> list[str]:
    return violations(world.posts, world.letters())


#: What the checker must say, and the damage: one statement behind the machines' backs.
DAMAGE = {
    "have gaps": "UPDATE workflows_eventrecord SET position = position + 1000 WHERE position = 1",
    "have no position": "UPDATE workflows_eventrecord SET position = NULL",
    "was onboarded without an event": "UPDATE workflows_eventrecord SET name = '-' WHERE name = 'patient.onboarded'",
    "who was not onboarded": "UPDATE patients_patient SET state = 'registered'",
    "patient.onboarded of patient": "UPDATE workflows_eventrecord SET name = 'patient.onboarded' "
    "WHERE name = 'customer.created'",
    "started no run": "UPDATE workflows_run SET automation_id = NULL",
    "has nothing to do with event": "UPDATE workflows_automation SET trigger = 'task.created'",
    "is running": "UPDATE workflows_run SET state = 'running'",
    "is due": "UPDATE workflows_steprun SET state = 'due'",
    "is failed (crashed)": "UPDATE workflows_steprun SET state = 'failed', error_code = 'crashed'",
    "but of": "UPDATE workflows_steprun SET key = '-' WHERE action = 'send_email'",
    "create_task of": "UPDATE patients_task SET origin = ''",
    "had an effect and is not done": "UPDATE workflows_steprun SET action = '-' WHERE action = 'create_task'",
    "webhook delivery": "UPDATE workflows_delivery SET state = 'failed' WHERE channel = 'webhook'",
    "is still running": "UPDATE workflows_delivery SET state = 'running'",
    "its message queued": "UPDATE patients_message SET state = 'queued'",
    "instead of": "UPDATE workflows_delivery SET uid = gen_random_uuid() WHERE channel = 'webhook'",
    "nobody asked for email": "UPDATE workflows_delivery SET uid = gen_random_uuid() WHERE channel = 'email'",
}


def test_without_damage_there_is_nothing_to_say(world):
    assert found(world) == []
    assert (Run.objects.filter(version__isnull=False).count(), len(world.posts), len(world.letters())) == (
        3,
        3,
        3,
    )


@pytest.mark.parametrize("words", DAMAGE)
def test_damage_in_the_tables_is_found(world, words):
    with connection.cursor() as cursor:
        cursor.execute(DAMAGE[words])
    assert any(words in violation for violation in found(world)), found(world)


def test_a_second_letter_is_found(world):
    letter = next(world.letter_box.iterdir())
    (world.letter_box / "copy.log").write_bytes(letter.read_bytes())
    assert [line for line in found(world) if line.startswith("email") and line.endswith("2 times")]


def test_a_letter_that_never_left_is_found(world):
    next(world.letter_box.iterdir()).unlink()
    assert [line for line in found(world) if line.endswith("counts as sent and never was")]


def test_a_webhook_under_another_id_is_found(world):
    world.posts.append(Post("msg_other", world.posts[0].step))
    assert [line for line in found(world) if "msg_other" in line]


def test_a_webhook_that_never_arrived_is_found(world):
    world.posts.pop()
    assert [line for line in found(world) if line.endswith("arrived")]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres@127.0.0.1:5432/careops",
        "postgresql://user:p%40ss@db.internal/careops",
        "postgresql://postgres@/careops?host=%2Fvar%2Flib%2Fa%20folder&port=5433",
    ],
)
def test_the_database_url_for_the_processes_says_what_the_settings_say(url):
    read = Env.db_url_config(url)
    said = Env.db_url_config(
        database_url({**configured.DATABASES["default"], **read, "OPTIONS": read.get("OPTIONS", {})})
    )
    assert said == read
