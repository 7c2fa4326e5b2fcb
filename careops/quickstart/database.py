"""The embedded PostgreSQL: started by the first who needs it, stopped by the last who leaves.

It listens on a Unix socket inside a directory nobody else may enter: no port, hence no password. `make run`
and a `manage` command in another terminal may come and go in any order: each holds a shared lock while it
uses the server, and whoever can turn that lock into an exclusive one is the last. Locks die with their
process, so a server left behind by a killed run is found, used and stopped by the next one.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import environ
import psycopg
from psycopg import sql

from careops.quickstart import place
from careops.quickstart.console import Trouble, last_lines

PORT = "5432"  # only the socket's name: nothing listens on it
SOCKET = f".s.PGSQL.{PORT}"
LONGEST_SOCKET_PATH = 103  # bytes; macOS allows no more, Linux four more
START_SECONDS = 60
STOP_SECONDS = 30
OLDEST_SERVER = 150000
FOR_DJANGO = {"assume_role", "isolation_level", "pool", "server_side_binding"}  # options libpq does not know

# One collation on every machine, whatever locales it has installed.
INITDB = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"]
INITDB += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
# Tests throw their data away, so they need not wait for the disk. Never for data somebody wants to see again.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Server:
    """One embedded server with its own data directory; several processes may be inside the block at once."""

    def __init__(self, repo: Path, name: str = "postgres", *, disposable: bool = False) -> None:
        self.place = place.find(repo)
        self.data = self.place.folder / name
        self.log = self.place.folder / f"{name}.log"
        self.disposable = disposable
        self._users: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            with self._gate():
                self._users = self._lock_file("users").open("ab")
                fcntl.flock(self._users, fcntl.LOCK_SH)
                if not self._answers():
                    self._prepare()
                    self._launch()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: str) -> str:
        """Understood by django-environ and libpq alike; the port is named so that PGPORT cannot mislead."""
        folder = self._running()[1]
        return f"postgresql://postgres@/{database}?host={quote(str(folder))}&port={PORT}"

    def create(self, database: str) -> str:
        """Make the database unless it is there; return its URL."""
        with self._gate(), psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
            if not known:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self.url(database)

    def stop(self) -> None:
        """Leave; the last to leave turns it off."""
        if self._users is None:
            return
        with self._gate(), self._users as users:
            self._users = None
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._shut_down()

    # ── Locks ──

    def _lock_file(self, what: str) -> Path:
        return self.place.folder / f"{self.data.name}.{what}"

    @contextlib.contextmanager
    def _gate(self) -> Iterator[None]:
        """One process at a time starts, stops or adds a database."""
        with self._lock_file("lock").open("ab") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    # ── Life ──

    def _prepare(self) -> None:
        """Make the data directory, first beside its final name: an interrupted start leaves no half."""
        if self.disposable:
            shutil.rmtree(self.data, ignore_errors=True)
        if self.data.exists():
            return
        fresh = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self.place.make_private(fresh)
        haste = ["--no-sync"] if self.disposable else []
        done = self._run([str(self.place.binaries() / "initdb"), *INITDB, *haste, f"--pgdata={fresh}"])
        if done.returncode:
            raise Trouble(f"The embedded PostgreSQL could not make its files:\n{last_lines(done.stdout)}")
        fresh.rename(self.data)

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": f'"{self._socket_folder()}"',
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            **(CARELESS if self.disposable else {}),
        }
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        argv = [str(self.place.binaries() / "postgres"), "-D", str(self.data), *flags]
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal must reach the database last, through `stop`.
            self._process = subprocess.Popen(  # noqa: S603 (our own command line)
                argv, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **self._surroundings()
            )
        process = self._process
        _until(lambda: process.poll() is not None or self._answers(), START_SECONDS)
        if not self._answers():
            said = last_lines(self.log.read_text(errors="replace"), 5)
            raise Trouble(f"The embedded PostgreSQL did not start. Its log, {self.log}, ends with:\n{said}")

    def _shut_down(self) -> None:
        """A fast shutdown (sessions end, everything is written down); a hard one if that takes too long."""
        if self._gone():
            return
        sockets = self._running()[1] if self._pid_file.exists() else self.data
        pid = self._process.pid if self._process else self._running()[0]
        for how in (signal.SIGINT, signal.SIGQUIT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
            if _until(self._gone, STOP_SECONDS):
                break
        if sockets != self.data:
            with contextlib.suppress(OSError):
                sockets.rmdir()

    def _gone(self) -> bool:
        if self._process is not None:
            return self._process.poll() is not None
        return not self._pid_file.exists()

    # ── What is there ──

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _running(self) -> tuple[int, Path]:
        """The server's process id and its socket's folder, from the file PostgreSQL keeps about itself."""
        lines = self._pid_file.read_text().splitlines()
        return int(lines[0]), Path(lines[4])

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except (OSError, IndexError, ValueError, psycopg.OperationalError):
            return False  # no such file, a file still being written, or not ready yet
        return True

    def _socket_folder(self) -> Path:
        """The data directory, unless its name is too long for a socket or is a list of hosts to libpq."""
        if len(os.fsencode(self.data / SOCKET)) <= LONGEST_SOCKET_PATH and "," not in str(self.data):
            return self.data
        return Path(tempfile.mkdtemp(prefix="careops-"))

    def _surroundings(self) -> dict[str, Any]:
        """A clean environment (PGDATA, PGPORT and the like stay out) and, as root, another user."""
        env = {"PATH": os.defpath, "LC_ALL": "C"}
        return {"stdin": subprocess.DEVNULL, "cwd": "/", "env": env, **self.place.identity}

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 (our own command line)
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **self._surroundings(),
        )


def check_reachable(url: str, database: str | None = None) -> None:
    """Connect as Django will; to `database` where the URL's own need not exist yet (tests make theirs)."""
    config = environ.Env.db_url_config(url)
    if config.get("ENGINE") != "django.db.backends.postgresql":
        raise Trouble("DATABASE_URL must start with postgresql:// because CareOps runs on PostgreSQL only.")
    words = {
        "host": config["HOST"],
        "port": config["PORT"],
        "user": config["USER"],
        "password": config["PASSWORD"],
    }
    words = {name: value for name, value in words.items() if value}
    words |= {"dbname": database or config["NAME"], "connect_timeout": 5}
    words |= {name: value for name, value in config.get("OPTIONS", {}).items() if name not in FOR_DJANGO}
    try:
        with psycopg.connect(**words) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise Trouble(
            f"The database at DATABASE_URL cannot be used ({reason}): start it, correct DATABASE_URL, "
            "or unset DATABASE_URL to use the embedded PostgreSQL."
        ) from error
    if version < OLDEST_SERVER:
        raise Trouble(
            f"CareOps needs PostgreSQL 15 or newer; the server at DATABASE_URL is {version // 10000}."
        )


def _until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)  # between two looks at a server that starts or stops: nobody tells us
    return True
