"""The embedded PostgreSQL: whoever comes, it is there; when the last one has left, it is gone."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from careops.quickstart import place
from careops.quickstart.console import Trouble
from careops.quickstart.database import Server, check_reachable
from tests.quickstart.helpers import alive, background, environment, free_port, quickstart

AS_DJANGO_DOES = """
import environ, psycopg
config = environ.Env().db_url("DATABASE_URL")
words = {"host": config["HOST"], "user": config["USER"], "dbname": config["NAME"]}
words = {name: value for name, value in words.items() if value} | config["OPTIONS"]
print(psycopg.connect(**words).execute("SELECT current_database()").fetchone()[0])
"""


def modes(*folders: Path) -> dict[Path, int]:
    """The modes of these folders and of everything above them: what a careless server opens up."""
    above = {path for folder in folders for path in (folder.resolve(), *folder.resolve().parents)}
    return {path: stat.S_IMODE(path.stat().st_mode) for path in above}


def test_nobody_elses_directory_changes_its_mode(repo: Path) -> None:
    repo.parent.chmod(0o700)
    repo.chmod(0o700)
    server = Server(repo)
    watched = (repo, server.data.parent, Path.home(), server.place.package / "pginstall18" / "bin")
    before = modes(*watched)
    with server:
        psycopg.connect(server.create("careops")).close()
    assert modes(*watched) == before


def test_only_the_server_and_root_may_enter_its_directory(repo: Path) -> None:
    with Server(repo) as server:
        found = server.data.stat()
        assert stat.S_IMODE(found.st_mode) == 0o700
        if os.geteuid() == 0:
            assert found.st_uid != 0
            assert not server.data.is_relative_to(Path.home())
            assert server.place.binaries().is_relative_to(server.place.folder)


def test_its_url_works_for_libpq_and_django_in_other_processes(repo: Path) -> None:
    with Server(repo) as server:
        url = server.create("careops")
        assert psycopg.connect(url).execute("SELECT current_database()").fetchone() == ("careops",)
        argv = [sys.executable, "-c", AS_DJANGO_DOES]
        env = environment(DATABASE_URL=url, PGPORT="1")
        said = [subprocess.run(argv, env=env, capture_output=True, text=True, check=True) for _ in range(2)]
        assert [done.stdout.strip() for done in said] == ["careops", "careops"]


def test_it_starts_twice_and_keeps_its_data(repo: Path) -> None:
    with Server(repo) as server, psycopg.connect(server.create("careops")) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    with Server(repo) as server, psycopg.connect(server.create("careops")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_disposable_one_starts_empty(repo: Path) -> None:
    with Server(repo, "test-postgres", disposable=True) as server:
        server.create("leftover")
    with Server(repo, "test-postgres", disposable=True) as server:
        with psycopg.connect(server.url("postgres")) as connection:
            found = connection.execute("SELECT datname FROM pg_database").fetchall()
        assert ("leftover",) not in found


def test_the_last_one_to_leave_turns_it_off(repo: Path) -> None:
    first, second = Server(repo), Server(repo)
    with second:
        with first:
            url = first.url("postgres")
        psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_one_left_behind_by_a_killed_run_is_used_and_stopped(repo: Path) -> None:
    with background(repo, "database") as running:
        running.read_until("until Ctrl-C")
        running.process.kill()
        running.end()
    with Server(repo) as server:
        pid = int((server.data / "postmaster.pid").read_text().split()[0])
        assert alive(pid)
    assert not alive(pid)


def test_ctrl_c_stops_it(repo: Path) -> None:
    with background(repo, "database") as running:
        url = running.read_until("until Ctrl-C").split("'")[1]
        psycopg.connect(url).close()
        running.process.send_signal(signal.SIGINT)
        assert running.end()[0] == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root's directory always has a short, plain name")
@pytest.mark.parametrize("name", ["deep " + "x" * 100, "a, b"])
def test_a_name_no_socket_can_have_is_no_obstacle(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with Server(folder) as server:
        psycopg.connect(server.url("postgres")).close()


def test_without_a_wheel_one_sentence_says_what_to_do(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(Trouble, match=r"no embedded PostgreSQL for this machine .* set DATABASE_URL"):
        place.find(repo)
    monkeypatch.undo()


def test_a_database_that_does_not_answer_is_one_sentence_without_the_password(repo: Path) -> None:
    url = f"postgresql://careops:hunter2@127.0.0.1:{free_port()}/careops"
    for words in (["run"], ["test"], ["bench"], ["reachable", url]):
        done = quickstart(repo, *words, DATABASE_URL=url, PORT=str(free_port()))
        sentence = done.stderr.splitlines()[-1]
        assert done.returncode == 1
        assert sentence.startswith("careops: The database at DATABASE_URL cannot be used (")
        assert sentence.endswith("or unset DATABASE_URL to use the embedded PostgreSQL.")
        assert "hunter2" not in done.stderr
        assert "Traceback" not in done.stderr


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(Trouble, match="must start with postgresql://"):
        check_reachable("mysql://root@127.0.0.1/careops")
