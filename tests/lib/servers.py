"""Real HTTP servers on loopback for the tests of outbound HTTP; each is a context manager or a fixture's value."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from careops.lib.outbound import OutboundFailed, post


class Recorder(BaseHTTPRequestHandler):
    """Answers what ``server.answer`` says and remembers each request with the connection it came on."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.client_address[1], self.requestline, dict(self.headers), body))
        status, headers, answer = self.server.answer
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if not any(name.lower() in {"content-length", "transfer-encoding"} for name in headers):
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.close_connection = self.server.hang_up or self.close_connection

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def recording(context: ssl.SSLContext | None = None) -> Iterator[ThreadingHTTPServer]:
    """A server with ``seen`` requests, an ``answer``, and ``hang_up``: close after answering, without saying so."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # clients hang up on purpose
    server.seen, server.answer, server.hang_up = [], (200, {}, b"ok"), False
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def raw(*scripts: Callable[[socket.socket, threading.Event], object]) -> Iterator[int]:
    """The port of a server that plays one script per connection, in order; the event is set at the end."""
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for script in scripts:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    script(connection, done)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        done.set()
        listener.close()


def drip(start: bytes, piece: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Reads a request, says ``start`` at once and then ``piece`` every 50 ms for as long as anybody listens."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while not done.wait(0.05):
            connection.sendall(piece)

    return script


def say(*answers: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Reads one request per answer, then closes."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        for answer in answers:
            connection.recv(65536)
            connection.sendall(answer)

    return script


def certificate(folder: Path, host: str) -> Path:
    """A file with a key and a self-signed certificate for ``host``, a name or an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


def failure(url: str, **kwargs: object) -> str:
    """The reason why a request to ``url`` fails for now."""
    with pytest.raises(OutboundFailed) as caught:
        post(url, **{"body": b"x", "headers": {}} | kwargs)
    return caught.value.reason_code
