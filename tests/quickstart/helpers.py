"""A stand-in for the repository: the same commands and no application, so that a start takes seconds."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent.parent

MANAGE = """
import os, pathlib, signal, subprocess, sys
words = sys.argv[1:]
with open("commands", "a") as commands:
    commands.write(" ".join(words) + "\\n")
if words == ["worker", "--check"]:
    sys.exit(not os.path.exists("workers"))
if words == ["worker"]:
    helper = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    pathlib.Path("workers").write_text(f"{os.getpid()} {helper.pid}")
    os.environ.get("WORKER_DIES") and sys.exit("the worker had enough")
    signal.pause()
if words == ["seed_demo"]:
    lines = [f"{name}={value}" for name, value in os.environ.items()]
    pathlib.Path("surroundings").write_text("\\n".join(lines))
    print("loaded 3 patients")
if words == ["seed_demo", "--logins"]:
    print("  demo@clinic.example  open sesame")
if words[0] == "migrate" and os.environ.get("MIGRATE_FAILS"):
    sys.exit("relation does not exist")
"""

WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""


def stand_in(folder: Path) -> Path:
    """A repository that `run` can start: manage.py and careops.wsgi, which answer and do nothing."""
    (folder / "careops").mkdir(parents=True)
    (folder / "careops" / "__init__.py").write_text("")
    (folder / "careops" / "wsgi.py").write_text(WSGI)
    (folder / "manage.py").write_text(MANAGE)
    return folder


def environment(**more: str) -> dict[str, str]:
    """What a person's shell would have: nothing of the test run's own settings."""
    ours = ("CAREOPS_", "DATABASE_", "SECRET_KEY", "DEBUG", "DJANGO_", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


def command(repo: Path, *words: str) -> list[str]:
    code = (
        "import pathlib, sys; from careops.quickstart.__main__ import Console, main;"
        f"sys.exit(main({list(words)!r}, Console(), pathlib.Path({str(repo)!r})))"
    )
    return [sys.executable, "-c", code]


def quickstart(repo: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one quickstart command to its end."""
    env = environment(**more)
    return subprocess.run(
        command(repo, *words), cwd=REPO, env=env, capture_output=True, text=True, timeout=90, check=False
    )


class Background:
    """A quickstart command that keeps running, read line by line."""

    def __init__(self, repo: Path, *words: str, **more: str) -> None:
        self.process = subprocess.Popen(
            command(repo, *words),
            cwd=REPO,
            env=environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said = ""

    def read_until(self, text: str, seconds: float = 60) -> str:
        """Everything it said up to and including `text`."""
        assert self.process.stdout is not None
        pipe, deadline = self.process.stdout.fileno(), time.monotonic() + seconds
        while text not in self.said:
            left = deadline - time.monotonic()
            readable = select.select([pipe], [], [], max(left, 0))[0]
            part = os.read(pipe, 65536).decode() if readable else ""
            assert part, f"it never said {text!r}, only:\n{self.said}"
            self.said += part
        return self.said

    def end(self, seconds: float = 60) -> tuple[int, str]:
        """Its exit code and everything it said."""
        rest = self.process.communicate(timeout=seconds)[0].decode()
        return self.process.returncode, self.said + rest


@contextlib.contextmanager
def background(repo: Path, *words: str, **more: str) -> Iterator[Background]:
    running = Background(repo, *words, **more)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def alive(pid: int) -> bool:
    """Running, and not only waiting to be collected by its parent."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
