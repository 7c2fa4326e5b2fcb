"""Somebody on this machine who takes every POST at once and remembers when each came, in a process of its own.

``python -m benchmarks.receiver PORT``. It answers 200 to any POST; ``GET /seen`` lists what came as ``[moment, body]``,
``GET /count`` says how many did, ``GET /forget`` starts anew. Written to be quick, not to be complete: it must never be
what is measured.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

SEEN: list[tuple[float, bytes]] = []
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Connection(asyncio.Protocol):
    """One kept connection; requests may come in pieces, and several in one."""

    def __init__(self) -> None:
        self.waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while self._one():
            pass

    def _one(self) -> bool:
        head, found, rest = self.waiting.partition(b"\r\n\r\n")
        if not found:
            return False
        length = _length(head)
        if len(rest) < length:
            return False
        body, self.waiting = rest[:length], rest[length:]
        self.transport.write(_answer(head.split(b" ", 2), body))
        return True


def _length(head: bytes) -> int:
    lowered = head.lower()
    place = lowered.find(b"content-length:")
    return int(lowered[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


def _answer(words: list[bytes], body: bytes) -> bytes:
    if words[0] == b"POST":
        SEEN.append((time.time(), body))
        return OK
    said = {
        b"/count": lambda: len(SEEN),
        b"/seen": lambda: [[moment, body.decode()] for moment, body in SEEN],
        b"/forget": SEEN.clear,
    }[words[1]]()
    text = json.dumps(said).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=512)
    async with server:
        await server.serve_forever()


# ── From the side of whoever measures ─────────────────────────────────────────────────────────────────────
class Receiver:
    """The process, as seen by whoever started it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.allow = f"127.0.0.1:{port}"

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _get(self, path: str) -> object:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def count(self) -> int:
        return int(str(self._get("/count")))

    def forget(self) -> None:
        self._get("/forget")

    def seen(self) -> list[tuple[float, str]]:
        found = self._get("/seen")
        assert isinstance(found, list)
        return [(moment, body) for moment, body in found]


@contextmanager
def receiving() -> Iterator[Receiver]:
    from benchmarks.peers.installed import free_port, wait_for_port
    from benchmarks.places import environment
    from benchmarks.workers import process, python, url

    port = free_port()
    with process("receiver", python("-m", "benchmarks.receiver", str(port)), environment(url())):
        wait_for_port(port, "The receiver")
        yield Receiver(port)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
