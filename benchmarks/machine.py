"""What was measured on: the machine, the server, the versions of everything that took part."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.places import REPO

PACKAGES = ("Django", "django-q2", "psycopg", "gunicorn")


def described(server: str) -> dict[str, str]:
    return {
        "processor": f"{os.cpu_count()} × {_processor()}",
        "memory": f"{_memory():.0f} GiB",
        "system": f"{_system()}, {platform.machine()}",
        "busy before": f"load average {os.getloadavg()[0]:.1f}",
        "server": server,
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "CareOps": _said("git", "describe", "--always", "--dirty") or version_of_project(),
    }


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def version_of_project() -> str:
    text = (REPO / "pyproject.toml").read_text()
    return next(line.split('"')[1] for line in text.splitlines() if line.startswith("version"))


def _said(*argv: str) -> str:
    if shutil.which(argv[0]) is None:
        return ""
    return subprocess.run(argv, cwd=REPO, capture_output=True, text=True, check=False).stdout.strip()
