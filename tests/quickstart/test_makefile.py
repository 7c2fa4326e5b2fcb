"""The Makefile says what it can do, and says so plainly when it cannot."""

import re
import subprocess
from pathlib import Path

from tests.quickstart.helpers import REPO, environment


def make(*words: str) -> subprocess.CompletedProcess[str]:
    argv = ["make", "--no-print-directory", *words]
    return subprocess.run(argv, cwd=REPO, env=environment(), capture_output=True, text=True, check=False)


def test_help_lists_every_target() -> None:
    said = make("help").stdout
    targets = re.search(r"^\.PHONY: (.*)$", (REPO / "Makefile").read_text(), re.MULTILINE)
    assert targets
    assert [name for name in targets[1].split() if f"  make {name} " not in said] == []


def test_a_python_that_is_too_old_is_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make("run", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert done.stderr.startswith(f"careops: Python 3.11 or newer is needed and {old} is not")
    assert not (tmp_path / "venv").exists()
