"""Which addresses outbound HTTP may reach: the rules of ``outbound`` that come before a connection.

Staff type the addresses, so every one is hostile until proved otherwise. The same rules serve the form, the
test button and the delivery.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import threading
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LOOKUP_SECONDS = 5.0  # for a name, when a form waits for the answer

PORTS = {443, 8443}
DEFAULT_PORT = {"http": 80, "https": 443}
_URL = re.compile(r"[!-\[\]-~]{1,2000}")  # printable ASCII without space and backslash
# The last label begins with a letter: "127.1", "0x7f.1" and "2130706433" are numbers to a resolver.
_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?")

# Beside what ``is_global`` knows: what reaches inside through a translator, a tunnel, a cloud's own door.
_DENIED = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "169.254.0.0/16", "192.0.0.0/24", "192.88.99.0/24",
        "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
]  # fmt: skip
# IPv6 is the other way round, only global unicast is allowed: that leaves out mapped IPv4 (::ffff:0:0/96),
# NAT64 (64:ff9b::/96, 64:ff9b:1::/48), site-local (fec0::/10), unique local, link-local and multicast.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OutboundRefused(Exception):
    """This request may not be made, now or later. ``message`` is for staff, repeats nothing they typed."""

    def __init__(self, reason_code: str, message: str | Promise) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code
        self.message = message


class NotResolved(Exception):
    """The name has no address as far as can be told now (``dns``), or in time (``timeout``)."""

    def __init__(self, reason_code: str) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class Target(NamedTuple):
    """A URL that passed every rule which needs no DNS. ``allowed``: the installation vouches for it."""

    origin: Origin
    authority: str
    path: str
    allowed: bool


def check_url(url: str) -> None:
    """Raise ``OutboundRefused`` unless a request to ``url`` could be made now. Resolves the name."""
    target = parse(url)
    if not target.allowed:
        try:
            addresses(target, time.monotonic() + LOOKUP_SECONDS)
        except NotResolved:
            raise OutboundRefused("dns", _("The host name could not be found.")) from None


def parse(url: str) -> Target:
    """Split ``url``; raises ``OutboundRefused`` when its form alone rules it out."""
    malformed = OutboundRefused("url", _("This is not a web address (write international names as xn--…)."))
    if not _URL.fullmatch(url):
        raise malformed
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else DEFAULT_PORT.get(parts.scheme, 0)
    except ValueError:
        raise malformed from None
    if "@" in parts.netloc:
        raise OutboundRefused("userinfo", _("The address must not contain a user name or password."))
    host = parts.hostname or ""
    if not _NAME.fullmatch(host) and _literal(host) is None:
        raise OutboundRefused("host", _("The host is neither a name nor an ordinary IP address."))
    authority = f"[{host}]" if ":" in host else host
    allowed = f"{authority}:{port}" in {entry.lower() for entry in settings.OUTBOUND_ALLOW}
    if parts.scheme != "https" and not (allowed and parts.scheme == "http"):
        raise OutboundRefused("scheme", _("The address must start with https://."))
    if port not in PORTS and not allowed:
        raise OutboundRefused("port", _("Only the ports 443 and 8443 may be used."))
    if port != DEFAULT_PORT[parts.scheme]:
        authority = f"{authority}:{port}"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(Origin(parts.scheme, host, port), authority, path, allowed)


def addresses(target: Target, ends: float) -> list[str]:
    """Resolve once, before the monotonic time ``ends``; raises ``OutboundRefused`` or ``NotResolved``.

    One private answer refuses them all: which answer would be dialled is chance, or the attacker's choice.
    """
    literal = _literal(target.origin.host)
    found = [str(literal)] if literal else _lookup(target.origin.host, target.origin.port, ends)
    if not target.allowed and not all(is_public(ipaddress.ip_address(address)) for address in found):
        raise OutboundRefused("address", _("The host has an address that is not on the public internet."))
    return found


def is_public(address: _Address) -> bool:
    """Whether ``address`` is on the public internet, whatever it may be translated or tunnelled to."""
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address in network for network in _DENIED)


def _literal(host: str) -> _Address | None:
    """``host`` as an address if it is one, usually spelled and without an interface ("fe80::1%eth0")."""
    try:
        return None if "%" in host else ipaddress.ip_address(host)
    except ValueError:
        return None


def _lookup(host: str, port: int, ends: float) -> list[str]:
    """The addresses of ``host``; asked in a thread because ``getaddrinfo`` knows no timeout."""
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows)))
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=ask, name="outbound-dns", daemon=True).start()
    try:
        found = answers.get(timeout=max(ends - time.monotonic(), 0))
    except queue.Empty:
        raise NotResolved("timeout") from None
    if not found:
        raise NotResolved("dns")
    return found
