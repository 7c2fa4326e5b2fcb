"""Where benchmarks run: their databases, their environment, their scratch folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from careops.quickstart.surroundings import TEST_KEYS

REPO = Path(__file__).resolve().parent.parent
SCRATCH = REPO / ".local" / "bench"
#: How many patients and orders the lists are measured with, and how many patients the segment.
CROWDS = {
    "crowd": ("--patients", "200000", "--orders", "1000000"),
    "handful": ("--patients", "2000", "--orders", "6000"),
    "segment": ("--patients", "1000000", "--bare"),
}


def scratch(*parts: str) -> Path:
    """A folder for logs, virtualenvs and what npm brings; never in the way of git."""
    folder = SCRATCH.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def environment(url: str, **more: str) -> dict[str, str]:
    """The same for everybody who measures: an installation as it is in production, with keys of no value."""
    ours = ("CAREOPS_", "DATABASE_", "SECRET_KEY", "DEBUG", "DJANGO_", "EMAIL_URL")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **inherited, **TEST_KEYS, "DATABASE_URL": url, "LOG_LEVEL": "WARNING", "PYTHONPATH": str(REPO),
        "DJANGO_SETTINGS_MODULE": "careops.settings", **more,
    }  # fmt: skip


class Databases:
    """The databases on one server. Every name ends with ``_bench``, and nothing else is ever touched."""

    def __init__(self, url: str) -> None:
        self.parts = urlsplit(url)
        self.stem = self.parts.path.lstrip("/").removesuffix("_bench") or "careops"

    def name(self, what: str = "") -> str:
        return f"{self.stem}_{what}_bench" if what else f"{self.stem}_bench"

    def url(self, what: str = "") -> str:
        return urlunsplit(self.parts._replace(path=f"/{self.name(what)}"))

    def server(self) -> str:
        """What the server says of itself."""
        with self._connect() as connection:
            return str(connection.execute("SELECT version()").fetchone()[0]).split(" on ")[0]

    def fresh(self, what: str) -> str:
        """The URL of a database made for this run: a copy of the empty one, or the crowd's own."""
        if what != "empty":
            return self._crowd(what)
        self._kept("empty", _stamp(), lambda url: None)
        self._copy("empty", "")
        return self.url()

    def _crowd(self, what: str) -> str:
        """Made once: millions of rows take minutes."""
        words = CROWDS[what]
        made = [*_migrations(), *sorted((REPO / "careops" / "demo" / "crowd").glob("*.py"))]
        self._kept(what, _stamp(made, *words), lambda url: self._generate(what, url, words))
        return self.url(what)

    def _generate(self, what: str, url: str, words: tuple[str, ...]) -> None:
        _manage(url, "generate", *words)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def _kept(self, what: str, stamp: str, fill: object) -> None:
        """Leave a database alone that bears this stamp; make any other one anew."""
        with self._connect() as connection:
            known = connection.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
                [self.name(what)],
            ).fetchone()
            if known and known[0] == stamp:
                return
            self._drop(connection, what)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name(what))))
        _manage(self.url(what), "migrate", "-v0")
        fill(self.url(what))
        with self._connect() as connection:
            connection.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    sql.Identifier(self.name(what)), sql.Literal(stamp)
                )
            )

    def _copy(self, template: str, what: str) -> None:
        with self._connect() as connection:
            self._drop(connection, what)
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(self.name(what)), sql.Identifier(self.name(template))
                )
            )

    def _drop(self, connection: psycopg.Connection, what: str) -> None:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name(what)))
        )

    @contextmanager
    def _connect(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(
            urlunsplit(self.parts._replace(path="/postgres")), autocommit=True
        ) as connection:
            yield connection


def _manage(url: str, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "django", *words], cwd=REPO, env=environment(url), check=True)


def _migrations() -> Iterator[Path]:
    yield from sorted(path for path in REPO.glob("*/**/migrations/0*.py") if ".venv" not in path.parts)


def _stamp(files: Iterable[Path] | None = None, *words: str) -> str:
    """Changes whenever one of the files does: migrations are rewritten while nothing is released."""
    digest = hashlib.sha256(" ".join(words).encode())
    for path in _migrations() if files is None else files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]
