"""The receiver understands requests however they are cut, and the database names never leave the benchmarks' own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from benchmarks import receiver
from benchmarks.places import Databases, environment


class Wire:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


@pytest.fixture
def wire() -> Iterator[Wire]:
    receiver.SEEN.clear()
    yield Wire()
    receiver.SEEN.clear()


def connected(wire: Wire) -> receiver.Connection:
    connection = receiver.Connection()
    connection.connection_made(wire)
    return connection


def post(body: bytes) -> bytes:
    return b"POST /relay HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_requests_may_come_in_pieces_and_several_at_once(wire: Wire, size: int) -> None:
    connection, sent = connected(wire), post(b'{"a": 1}') + post(b"") + post(b"\r\n\r\n")
    for start in range(0, len(sent), size):
        connection.data_received(sent[start : start + size])
    assert [body for _moment, body in receiver.SEEN] == [b'{"a": 1}', b"", b"\r\n\r\n"]
    assert wire.written == 3 * receiver.OK


def test_it_says_what_it_has_seen_and_forgets(wire: Wire) -> None:
    connection = connected(wire)
    connection.data_received(post(b"one"))
    assert asked(connection, wire, "/count") == 1
    ((moment, body),) = asked(connection, wire, "/seen")
    assert (moment > 0, body) == (True, "one")
    asked(connection, wire, "/forget")
    assert asked(connection, wire, "/count") == 0


def asked(connection: receiver.Connection, wire: Wire, path: str) -> object:
    wire.written = b""
    connection.data_received(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _end, text = wire.written.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(text)}".encode() in head
    return json.loads(text)


@pytest.mark.parametrize(
    ("given", "own", "crowd"),
    [
        ("postgresql://u:p@db:5433/careops", "u:p@db:5433/careops_bench", "u:p@db:5433/careops_crowd_bench"),
        ("postgresql://db/careops_bench", "db/careops_bench", "db/careops_crowd_bench"),
        ("postgresql://me@/x?host=/run", "me@/x_bench?host=/run", "me@/x_crowd_bench?host=/run"),
        ("postgresql://db/", "db/careops_bench", "db/careops_crowd_bench"),
    ],
)  # fmt: skip
def test_every_database_is_the_benchmarks_own(given: str, own: str, crowd: str) -> None:
    databases = Databases(given)
    assert databases.url() == f"postgresql://{own}"
    assert databases.url("crowd") == f"postgresql://{crowd}"


def test_nothing_of_somebodys_installation_reaches_a_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREOPS_DEMO", "1")
    monkeypatch.setenv("SECRET_KEY", "theirs")
    monkeypatch.setenv("EMAIL_URL", "smtp://mail.example")
    env = environment("postgresql://db/x_bench", CAREOPS_WORKERS="7")
    assert env["DATABASE_URL"] == "postgresql://db/x_bench"
    assert env["CAREOPS_WORKERS"] == "7"
    assert env["SECRET_KEY"] != "theirs"
    assert not {"CAREOPS_DEMO", "EMAIL_URL"} & env.keys()
