"""The tables are what the models say, and every migration can be taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation

OURS = ("access", "surfaces", "workflows", "patients", "orders", "labs")


@pytest.mark.django_db
def test_no_model_waits_for_a_migration(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        call_command("makemigrations", check=True, dry_run=True)
    except SystemExit:
        pytest.fail(f"Run `make manage ARGS=makemigrations`: {capsys.readouterr().out}")


def operations(found: list[Operation]) -> Iterator[Operation]:
    for operation in found:
        yield operation
        if isinstance(operation, SeparateDatabaseAndState):
            yield from operations(operation.database_operations)


def test_every_migration_can_be_taken_back() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    migrations = {key: found for key, found in loader.disk_migrations.items() if key[0] in OURS}
    one_way = [
        f"{app}.{number}: {operation.describe()}"
        for (app, number), migration in migrations.items()
        for operation in operations(migration.operations)
        if not operation.reversible
    ]
    assert one_way == []
    assert {app for app, _number in migrations} == {app for app in OURS if _has_tables(app)}


def _has_tables(app: str) -> bool:
    return any(True for _model in apps.get_app_config(app).get_models())
