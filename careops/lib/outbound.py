"""The one door through which CareOps speaks HTTP to the outside.

``destinations`` says where to; a connection goes to an address that was just checked and stays pinned to it
while it is kept. Redirects are returned, never followed; proxy variables are not read; bodies are not
decompressed.

The deadline covers everything: name, connection, TLS, request, answer. It needs no watchdog thread, because
each system call that can wait is given only the time that is left: a peer that drips bytes gains nothing.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import os
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from .destinations import NotResolved, Origin, OutboundRefused, Target, addresses, check_url, parse

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["OutboundFailed", "OutboundRefused", "Reply", "check_header", "check_url", "post"]

BODY_LIMIT = 64 * 1024  # bytes of an answer's body that are read; the rest is left unread
WIRE_LIMIT = 3 * BODY_LIMIT  # bytes of an answer in all: status, headers, chunk framing, trailers
DEADLINE = 15.0  # seconds
CONNECT_SECONDS = 5.0  # for one address, so that a dead IPv6 route leaves time for IPv4
ADDRESSES_TRIED = 3
IDLE_SECONDS = 10.0  # how long a connection is kept unused
KEEP_SECONDS = 60.0  # how long a connection lives, hence how late a changed DNS answer is noticed
KEPT_CONNECTIONS = 32

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_HEADER_VALUE = re.compile(r"[ -~]*")
_SECRET_VALUE = re.compile(r"[!-~][ -~]{6,510}[!-~]")
_OWN_HEADERS = {
    "host", "user-agent", "accept-encoding", "content-length", "connection", "transfer-encoding",
}  # fmt: skip
_RESERVED_HEADERS = _OWN_HEADERS | {"te", "trailer", "upgrade", "expect", "cookie", "keep-alive", "forwarded"}
_RESERVED_FAMILIES = ("content-", "proxy-", "x-forwarded-", "webhook-", "svix-")


class OutboundFailed(Exception):
    """The request did not get a whole answer; another try may.

    ``reason_code``: ``dns``, ``connect``, ``tls``, ``timeout``, ``dropped``, ``too_large`` or ``protocol``.
    ``maybe_received`` is False while it is certain that the other side saw none of the request.
    """

    def __init__(self, reason_code: str, *, maybe_received: bool = False) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code
        self.maybe_received = maybe_received


class _Dropped(OutboundFailed):
    """The connection ended before a single byte of an answer: a kept one may simply have been stale."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: header names in lower case, at most ``BODY_LIMIT`` bytes of body exactly as sent."""

    status: int
    headers: Mapping[str, str]
    body_start: bytes
    elapsed_ms: int


def check_header(name: str, value: str) -> None:
    """Raise ``OutboundRefused`` unless staff may add the header ``name: value`` to an endpoint's requests."""
    lowered = name.lower()
    if not _HEADER_NAME.fullmatch(name):
        raise OutboundRefused("header_name", _("A header name is 1 to 64 letters, digits and hyphens."))
    if lowered in _RESERVED_HEADERS or lowered.startswith(_RESERVED_FAMILIES):
        raise OutboundRefused("header_reserved", _("This header is set by CareOps or by HTTP itself."))
    if not _SECRET_VALUE.fullmatch(value):
        raise OutboundRefused("header_value", _("A header value is 8 to 512 printable ASCII characters."))


def post(
    url: str, *, body: bytes, headers: Mapping[str, str], deadline: float = DEADLINE, repeatable: bool = True
) -> Reply:
    """POST ``body`` and return the answer, whatever its status, within ``deadline`` seconds.

    ``repeatable`` says that the receiver tells a repeat from a new request (a webhook's stable id). Only then
    may a kept connection be used, and the request be sent again when the kept one turns out to be closed.

    Raises ``OutboundRefused`` (permanent) or ``OutboundFailed`` (transient). A body beyond ``BODY_LIMIT`` is
    cut, not refused: its sender has already answered.
    """
    started = time.monotonic()
    ends = started + deadline
    target = _target(url, tuple(settings.OUTBOUND_ALLOW))
    request = _compose(target, headers, body)
    kept = _kept.take(target.origin) if repeatable else None
    if kept is not None:
        with contextlib.suppress(_Dropped):
            return _exchange(kept, request, started, ends)
    return _exchange(_open(target, ends), request, started, ends)


@functools.lru_cache(maxsize=256)
def _target(url: str, _allowed: tuple[str, ...]) -> Target:
    """``parse``, once for an address and a list of what is allowed; no DNS is part of it."""
    return parse(url)


def _left(ends: float) -> float:
    """Seconds until the monotonic time ``ends``; raises ``TimeoutError`` when there are none."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


# ── Connections ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True, eq=False)
class _Line:
    """An open connection; that it exists proves that its address was checked."""

    origin: Origin
    sock: socket.socket
    opened: float = field(default_factory=time.monotonic)
    parked: float = field(default_factory=time.monotonic)

    def is_fresh(self) -> bool:
        now = time.monotonic()
        return now - self.opened < KEEP_SECONDS and now - self.parked < IDLE_SECONDS

    def is_quiet(self) -> bool:
        """Nothing to read: an idle connection with something to say was closed, or is out of step."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)


class _Kept:
    """This process's idle connections, the oldest first; safe to share between threads."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start empty without a word on the wire: after a fork the connections are still the parent's."""
        self._lock = threading.Lock()
        self._lines: list[_Line] = []

    def take(self, origin: Origin) -> _Line | None:
        while True:
            with self._lock:
                line = next((line for line in reversed(self._lines) if line.origin == origin), None)
                if line is None:
                    return None
                self._lines.remove(line)
            if line.is_fresh() and line.is_quiet():
                return line
            line.sock.close()

    def park(self, line: _Line) -> None:
        line.parked = time.monotonic()
        surplus = []
        with self._lock:
            self._lines.append(line)
            while self._lines and (len(self._lines) > KEPT_CONNECTIONS or not self._lines[0].is_fresh()):
                surplus.append(self._lines.pop(0))
        for each in surplus:
            each.sock.close()


_kept = _Kept()
os.register_at_fork(after_in_child=_kept.forget)


def _open(target: Target, ends: float) -> _Line:
    """Connect to the first of the checked addresses that answers."""
    try:
        candidates = addresses(target, ends)
    except NotResolved as error:
        raise OutboundFailed(error.reason_code) from None
    failure = OutboundFailed("connect")
    for address in candidates[:ADDRESSES_TRIED]:
        try:
            timeout = min(_left(ends), CONNECT_SECONDS)
            sock = socket.create_connection((address, target.origin.port), timeout=timeout)
        except TimeoutError:
            failure = OutboundFailed("timeout")
        except OSError:
            failure = OutboundFailed("connect")
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.origin.scheme == "https":
                sock = _secure(sock, target.origin.host, ends)
            return _Line(target.origin, sock)
    raise failure


@functools.cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _secure(sock: socket.socket, host: str, ends: float) -> ssl.SSLSocket:
    """Shake hands, ``host`` in SNI and its certificate checked whatever address was dialled."""
    try:
        sock.settimeout(_left(ends))
        return _tls().wrap_socket(sock, server_hostname=host)
    except TimeoutError:
        raise OutboundFailed("timeout") from None
    except OSError:  # includes every ssl error
        raise OutboundFailed("tls") from None
    finally:
        sock.close()  # no effect on success: wrap_socket has taken the descriptor over


# ── The exchange ──────────────────────────────────────────────────────────────────────────────────────────


class _TooLarge(Exception):
    pass


class _Wire(io.RawIOBase):
    """A socket whose every wait is cut to the time that is left; what ``http.client`` reads from."""

    def __init__(self, sock: socket.socket, ends: float) -> None:
        self._sock = sock
        self._ends = ends
        self.received = 0
        self.ended = False

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(_left(self._ends))
        count = self._sock.recv_into(buffer)
        self.received += count
        self.ended = count == 0
        if self.received > WIRE_LIMIT:
            raise _TooLarge
        return count

    def send(self, data: bytes) -> None:
        unsent = memoryview(data)
        while unsent:
            self._sock.settimeout(_left(self._ends))
            unsent = unsent[self._sock.send(unsent) :]


def _compose(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    """The request as one piece of bytes, so that it leaves in one packet where it fits."""
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: CareOps",
        "Accept-Encoding: identity",
        f"Content-Length: {len(body)}",
    ]
    seen = set(_OWN_HEADERS)
    for name, value in headers.items():
        if name.lower() in seen or not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise OutboundRefused("header", _("A header of this request is not allowed."))
        seen.add(name.lower())
        lines.append(": ".join((name, value)))  # joined, not formatted: a stored secret formats as its mask
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _exchange(line: _Line, request: bytes, started: float, ends: float) -> Reply:
    """Send ``request`` on ``line`` and read the answer; then the line is kept for the next one, or closed."""
    wire = _Wire(line.sock, ends)
    reusable = False
    try:
        wire.send(request)
        response = http.client.HTTPResponse(cast(socket.socket, wire), method="POST")
        response.begin()
        cut_off = wire.ended  # http.client takes the end of the stream for the end of the headers
        body = response.read(BODY_LIMIT + 1)
        if cut_off or (response.length and len(body) <= BODY_LIMIT):
            raise http.client.IncompleteRead(b"")
        reusable = response.isclosed() and not response.will_close and response.status >= 200
    except TimeoutError:
        raise OutboundFailed("timeout", maybe_received=True) from None
    except OSError:  # before HTTPException: "remote end closed" is both
        failure = OutboundFailed if wire.received else _Dropped
        raise failure("dropped", maybe_received=True) from None
    except _TooLarge:
        raise OutboundFailed("too_large", maybe_received=True) from None
    except (http.client.HTTPException, ValueError):  # ValueError: absurd numbers that http.client lets slip
        raise OutboundFailed("protocol", maybe_received=True) from None
    finally:
        if reusable:
            _kept.park(line)
        else:
            line.sock.close()
    return Reply(
        status=response.status,
        headers={name.lower(): value for name, value in response.getheaders()},
        body_start=body[:BODY_LIMIT],
        elapsed_ms=round((time.monotonic() - started) * 1000),
    )
