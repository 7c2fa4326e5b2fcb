"""What the peers need on this machine: found, or installed into the scratch folder, or a reason to skip them."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.outcome import Skipped
from benchmarks.places import REPO, scratch
from benchmarks.waiting import eventually

REQUIREMENTS = REPO / "benchmarks" / "requirements-celery.txt"
INSTALL_SECONDS = 300


def peers_python() -> str:
    """The Python of the virtualenv that has Celery and requests; made where it is not there yet. Raises Skipped."""
    stamp = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    venv = scratch() / f"peers-{stamp}"
    python = venv / "bin" / "python"
    if (venv / "complete").exists():
        return str(python)
    shutil.rmtree(venv, ignore_errors=True)
    uv = shutil.which("uv")
    make = (
        [uv, "venv", "--python", sys.executable, str(venv)]
        if uv
        else [sys.executable, "-m", "venv", str(venv)]
    )
    fill = [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
    install("Celery and requests", make)
    install("Celery and requests", [*fill, "-r", str(REQUIREMENTS)])
    (venv / "complete").touch()
    return str(python)


def install(what: str, argv: list[str], cwd: Path = REPO) -> None:
    try:
        done = subprocess.run(
            argv, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Skipped(f"{what} could not be installed ({type(error).__name__}).") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Skipped(f"{what} could not be installed: {said[-1] if said else 'no reason given'}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis server of our own, which keeps nothing on disk. Raises Skipped where there is none."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise Skipped("There is no redis-server on this machine: install Redis.")
    port = free_port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with (scratch("logs") / "redis.log").open("wb") as log:
        server = subprocess.Popen([binary, *words], cwd=scratch(), stdout=log, stderr=log)
    try:
        wait_for_port(port, "Redis")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def wait_for_port(port: int, what: str, seconds: float = 60.0) -> None:
    """Raises TimeoutError when nobody listens there in time."""
    eventually(f"{what} listens on its port", lambda: _answers(port), seconds)


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
