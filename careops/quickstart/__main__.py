"""`python -m careops.quickstart run | database | manage … | test … | bench … | reachable URL` (see the Makefile)."""

import argparse
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from careops.quickstart import surroundings
from careops.quickstart.console import Console, Trouble
from careops.quickstart.database import Server, check_reachable
from careops.quickstart.run import run
from careops.quickstart.services import foreground, ignore_signals, stop_on_signals

REPO = Path(__file__).resolve().parent.parent.parent


def main(words: Sequence[str], console: Console, repo: Path = REPO) -> int:
    """Every expected failure ends here, as one sentence."""
    options = _parser().parse_args(words)
    try:
        stop_on_signals()
        return ACTIONS[options.action](options, console, repo)
    except Trouble as trouble:
        console.say(f"careops: {trouble}")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m careops.quickstart")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("run", help="the demo clinic, or your own database when DATABASE_URL is set")
    actions.add_parser("database", help="only the embedded PostgreSQL of the demo, until Ctrl-C")
    wrapped = {
        "manage": "manage.py with the demo's database and settings",
        "test": "pytest",
        "bench": "the benchmarks",
    }
    for name, what in wrapped.items():
        actions.add_parser(name, help=what).add_argument("words", nargs=argparse.REMAINDER)
    actions.add_parser("reachable", help="does this PostgreSQL let us in?").add_argument("url")
    return parser


def _run(options: argparse.Namespace, console: Console, repo: Path) -> int:
    return run(repo, console)


def _database(options: argparse.Namespace, console: Console, repo: Path) -> int:
    with Server(repo) as server:
        sys.stdout.write(f"export DATABASE_URL={shlex.quote(server.create('careops'))}\n")
        sys.stdout.flush()
        console.say("The embedded PostgreSQL runs until Ctrl-C.")
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
        ignore_signals()
    return 0


def _manage(options: argparse.Namespace, console: Console, repo: Path) -> int:
    command = [sys.executable, "manage.py", *_after_dashes(options.words)]
    if surroundings.given_database():
        return foreground(command, os.environ, repo)
    with Server(repo) as server:
        return foreground(command, surroundings.demo(server.create("careops"), repo), repo)


def _test(options: argparse.Namespace, console: Console, repo: Path) -> int:
    command = [sys.executable, "-m", "pytest", *_after_dashes(options.words)]
    if given := surroundings.given_database():
        check_reachable(given, database="postgres")
        console.say("Tests run on the PostgreSQL that DATABASE_URL names.")
        return foreground(command, surroundings.tests(given), repo)
    with Server(repo, "test-postgres", disposable=True) as server:
        console.say("Tests run on the embedded PostgreSQL.")
        # A name of its own per run: two runs at the same time share the server, not the tables.
        return foreground(command, surroundings.tests(server.url(f"careops_{os.getpid()}")), repo)


def _bench(options: argparse.Namespace, console: Console, repo: Path) -> int:
    command = [sys.executable, "-m", "benchmarks", *_after_dashes(options.words)]
    if given := surroundings.given_database():
        check_reachable(given, database="postgres")
        return foreground(command, surroundings.tests(given), repo)
    # A server of its own that writes to the disk as a real one does, and keeps the crowd for the next time.
    with Server(repo, "bench-postgres") as server:
        return foreground(command, surroundings.tests(server.url("careops")), repo)


def _reachable(options: argparse.Namespace, console: Console, repo: Path) -> int:
    check_reachable(options.url, database="postgres")
    return 0


ACTIONS = {
    "run": _run,
    "database": _database,
    "manage": _manage,
    "test": _test,
    "bench": _bench,
    "reachable": _reachable,
}


def _after_dashes(words: list[str]) -> list[str]:
    return words[1:] if words[:1] == ["--"] else words


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Console()))
