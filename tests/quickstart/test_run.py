"""`make run` with a stand-in application: what starts, what is said, and that nothing is left running."""

import os
import re
import signal
import socket
from pathlib import Path

import psycopg
import pytest

from careops.quickstart.database import Server
from tests.quickstart.helpers import alive, background, free_port, quickstart


def surroundings(repo: Path) -> dict[str, str]:
    lines = (repo / "surroundings").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_says_where_to_go_and_leaves_nothing_behind(repo: Path, how: signal.Signals) -> None:
    port = free_port()
    with background(repo, "run", PORT=str(port)) as running:
        said = running.read_until("Ctrl-C stops everything")
        assert f"http://localhost:{port}/admin/" in said
        assert "demo@clinic.example  open sesame" in said
        assert "Demo clinic: loaded 3 patients" in said
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        running.process.send_signal(how)
        code, said = running.end()
    assert code == 0, said
    assert not [pid for pid in (repo / "workers").read_text().split() if alive(int(pid))]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(surroundings(repo)["DATABASE_URL"])


def test_a_child_that_dies_stops_the_rest_and_is_named(repo: Path) -> None:
    port = free_port()
    done = quickstart(repo, "run", PORT=str(port), WORKER_DIES="1")
    assert done.returncode == 1
    assert "careops: The worker ended by itself (exit code 1)" in done.stderr
    assert "the worker had enough" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [pid for pid in (repo / "workers").read_text().split() if alive(int(pid))]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_step_that_fails_shows_what_it_said(repo: Path) -> None:
    done = quickstart(repo, "run", PORT=str(free_port()), MIGRATE_FAILS="1")
    assert done.returncode == 1
    assert "careops: Migrations did not work (exit code 1). It said:" in done.stderr
    assert "relation does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_gets_demo_settings_and_what_was_chosen(repo: Path) -> None:
    chosen = {"DEBUG": "1", "CAREOPS_OUTBOUND_ALLOW": "127.0.0.1:7000"}
    with background(repo, "run", PORT=str(free_port()), **chosen) as running:
        said = running.read_until("Ctrl-C stops everything")
        running.process.send_signal(signal.SIGTERM)
        running.end()
    found = surroundings(repo)
    assert found["CAREOPS_DEMO"] == "1"
    assert "DEBUG" not in found
    assert found["CAREOPS_OUTBOUND_ALLOW"] == "127.0.0.1:7000"
    assert found["CAREOPS_MAIL_FOLDER"] == str(repo / ".local" / "mail")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]+=*", found["CAREOPS_JUNCTION_SECRETS"])
    assert found["CAREOPS_JUNCTION_SECRETS"] in said


def test_a_database_of_ones_own_needs_keys_and_gets_no_demo(repo: Path) -> None:
    with Server(repo, "own") as server:
        url, port = server.create("careops"), str(free_port())
        done = quickstart(repo, "run", PORT=port, DATABASE_URL=url, CAREOPS_DEMO="1")
        assert done.returncode == 1
        assert "needs SECRET_KEY and CAREOPS_FIELD_KEYS too" in done.stderr.splitlines()[-1]
        keys = {"SECRET_KEY": "k", "CAREOPS_FIELD_KEYS": "f", "DEBUG": "1"}
        with background(repo, "run", PORT=port, DATABASE_URL=url, CAREOPS_DEMO="1", **keys) as running:
            assert "no demo logins" in running.read_until("Ctrl-C stops everything")
            running.process.send_signal(signal.SIGTERM)
            assert running.end()[0] == 0
        assert "seed_demo" not in (repo / "commands").read_text()
        psycopg.connect(url).close()


def test_a_port_in_use_is_one_sentence(repo: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = quickstart(repo, "run", PORT=str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"careops: Port {port} is in use: stop what listens there, or choose another, PORT=8001 make run.\n"
    )


@pytest.mark.parametrize("port", ["http", "0", "70000"])
def test_a_port_that_is_none_is_one_sentence(repo: Path, port: str) -> None:
    done = quickstart(repo, "run", PORT=port)
    assert done.returncode == 1
    assert done.stderr.startswith("careops: PORT must be a number")
    assert not (repo / ".local").exists()


def test_manage_runs_in_the_demo_and_hands_on_the_exit_code(repo: Path) -> None:
    assert quickstart(repo, "manage", "--", "seed_demo").returncode == 0
    assert surroundings(repo)["CAREOPS_DEMO"] == "1"
    assert quickstart(repo, "manage", "--", "migrate", MIGRATE_FAILS="1").returncode == 1


def test_tests_see_none_of_the_persons_own_settings(repo: Path) -> None:
    (repo / "test_surroundings.py").write_text(
        "import os, pathlib\n"
        "def test_it():\n"
        "    pathlib.Path('surroundings').write_text('\\n'.join(f'{n}={v}' for n, v in os.environ.items()))\n"
    )
    mine = {"CAREOPS_DEMO": "1", "CAREOPS_MAIL_FOLDER": "mine", "SECRET_KEY": "mine", "DEBUG": "1"}
    done = quickstart(repo, "test", "--", "-q", "-p", "no:cacheprovider", "-p", "no:django", **mine)
    assert done.returncode == 0, done.stdout + done.stderr
    found = surroundings(repo)
    assert "mine" not in found.values()
    assert not {"CAREOPS_DEMO", "DEBUG"} & set(found)
    assert found["DATABASE_URL"].startswith("postgresql://")
    assert "1 passed" in done.stdout
    assert os.environ.get("DATABASE_URL") != found["DATABASE_URL"]


def test_benchmarks_run_on_a_server_that_waits_for_the_disk(repo: Path) -> None:
    (repo / "benchmarks").mkdir()
    (repo / "benchmarks" / "__main__.py").write_text(
        "import os, sys, urllib.parse, psycopg\n"
        "url = urllib.parse.urlsplit(os.environ['DATABASE_URL'])\n"
        "server = url._replace(path='/postgres').geturl()\n"
        "print(*sys.argv[1:], url.path, psycopg.connect(server).execute('SHOW fsync').fetchone()[0])\n"
    )
    done = quickstart(repo, "bench", "--", "perform", "backlog", CAREOPS_DEMO="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["perform", "backlog", "/careops", "on"]
