"""Who may import whom (docs/decisions/0005): the contracts of .importlinter, and the packages there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import PACKAGES, REPO


def test_the_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_no_other_package_at_the_top() -> None:
    found = {path.parent.name for path in REPO.glob("*/__init__.py")}
    assert found == {*PACKAGES, "tests"} | ({"benchmarks"} & found)
