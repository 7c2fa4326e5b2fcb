"""The guarded door's connections against real servers: which are kept, which are checked, which are tried again."""

import os
import socket
import ssl
import struct
import threading

import pytest

from careops.lib import destinations, outbound
from careops.lib.outbound import OutboundFailed, post

from .servers import certificate, failure, raw, recording, say

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# ── Kept connections ──────────────────────────────────────────────────────────────────────────────────────


def connections(server):
    return [port for port, *_ in server.seen]


def test_connections_are_kept(server):
    for _ in range(5):
        post(server.url, body=b"x", headers={})
    assert len(set(connections(server))) == 1


@pytest.mark.parametrize("headers", [{"Connection": "close"}, {"Transfer-Encoding": "identity"}])
def test_a_connection_the_server_ends_is_not_kept(server, headers):
    server.answer, server.hang_up = (200, headers, b""), True
    for _ in range(2):
        post(server.url, body=b"x", headers={})
    assert len(set(connections(server))) == 2


def test_a_closed_connection_is_noticed(server):
    server.hang_up = True
    assert [post(server.url, body=b"x", headers={}).status for _ in range(5)] == [200] * 5
    assert len(server.seen) == 5


def test_a_connection_that_breaks_before_any_answer_is_tried_again_once(to):
    def answer_then_drop(connection, done):
        connection.recv(65536)
        connection.sendall(OK)
        connection.recv(65536)  # takes the second request and hangs up without a word

    with raw(answer_then_drop, say(OK)) as port:
        url = to(port)
        assert post(url, body=b"1", headers={}).status == 200
        assert post(url, body=b"2", headers={}).status == 200


def test_a_fresh_connection_that_breaks_is_not_tried_again(to):
    second = threading.Event()
    with raw(say(b""), lambda *_: second.set()) as port:
        assert failure(to(port)) == "dropped"
        assert not second.wait(0.1)


def test_half_an_answer_is_not_tried_again(to):
    def answer_then_half(connection, done):
        connection.recv(65536)
        connection.sendall(OK)
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 2")

    second = threading.Event()
    with raw(answer_then_half, lambda *_: second.set()) as port:
        url = to(port)
        post(url, body=b"x", headers={})
        assert failure(url) == "protocol"
        assert not second.wait(0.1)


def test_an_answer_that_is_cut_off_by_a_reset_is_not_tried_again(to):
    def answer_then_reset(connection, done):
        connection.recv(65536)
        connection.sendall(OK)
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 2")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    second = threading.Event()
    with raw(answer_then_reset, lambda *_: second.set()) as port:
        url = to(port)
        post(url, body=b"x", headers={})
        assert failure(url) == "dropped"
        assert not second.wait(0.1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
    ],
)
def test_a_connection_is_not_kept_after_such_an_answer_even_if_it_stays_open(to, answer):
    def stay_open(connection, done):
        connection.recv(65536)
        connection.sendall(answer)
        if connection.recv(65536):
            done.wait(10)

    with raw(stay_open, say(OK)) as port:
        url = to(port)
        post(url, body=b"x", headers={})
        assert post(url, body=b"x", headers={}, deadline=2).body_start == b"ok"


def test_what_may_not_be_repeated_never_uses_a_kept_connection(server):
    for _ in range(3):
        post(server.url, body=b"x", headers={}, repeatable=False)
    post(server.url, body=b"x", headers={})
    assert len(set(connections(server)[:3])) == 3


def test_an_answer_nobody_asked_for_is_not_taken_for_the_next_one(to):
    answered, planted = threading.Event(), threading.Event()

    def two_answers(connection, done):
        connection.recv(65536)
        connection.sendall(OK)
        answered.wait(5)
        connection.sendall(b"HTTP/1.1 500 Planted\r\nContent-Length: 0\r\n\r\n")
        planted.set()
        connection.recv(65536)

    with raw(two_answers, say(OK)) as port:
        url = to(port)
        post(url, body=b"x", headers={})
        answered.set()
        assert planted.wait(5)
        assert post(url, body=b"x", headers={}, deadline=1).status == 200


@pytest.mark.parametrize("limit", ["IDLE_SECONDS", "KEEP_SECONDS"])
def test_old_connections_are_let_go(server, monkeypatch, limit):
    post(server.url, body=b"x", headers={})
    monkeypatch.setattr(outbound, limit, 0)
    post(server.url, body=b"x", headers={})
    assert len(set(connections(server))) == 2


def test_the_number_of_kept_connections_is_bounded(server, monkeypatch):
    monkeypatch.setattr(outbound, "KEPT_CONNECTIONS", 2)
    gate = threading.Barrier(5)

    def work():
        gate.wait()
        post(server.url, body=b"x", headers={})

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 5
    assert len(outbound._kept._lines) <= 2


def test_threads_share_connections_and_never_an_answer(to, settings):
    with recording() as one, recording() as other:
        one.answer, other.answer = (200, {}, b"one"), (200, {}, b"other")
        urls = {to(one.server_port): b"one", to(other.server_port): b"other"}
        answers = []

        def work():
            for url, expected in list(urls.items()) * 25:
                answers.append(post(url, body=b"x", headers={}).body_start == expected)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [True] * 300
        assert len(set(connections(one))) <= 12  # six at once; a few more when a race closes one


def test_a_forked_process_opens_connections_of_its_own(server):
    post(server.url, body=b"parent", headers={})
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if post(server.url, body=b"child", headers={}).status == 200 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    post(server.url, body=b"parent", headers={})
    by_sender: dict[bytes, set[int]] = {}
    for port, _line, _headers, body in server.seen:
        by_sender.setdefault(body, set()).add(port)
    assert len(by_sender[b"parent"]) == 1
    assert by_sender[b"parent"] != by_sender[b"child"]


# ── Names and TLS ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def secure(tmp_path, monkeypatch):
    """A TLS server for hooks.example, trusted, which the name leads to; and the server names it was asked for."""
    file = certificate(tmp_path, "hooks.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    trusting = ssl.create_default_context(cafile=str(file))
    monkeypatch.setattr(outbound, "_tls", lambda: trusting)
    with recording(context) as server:
        server.asked, server.names = asked, {"hooks.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}
        real = socket.getaddrinfo
        server.lookups = []

        def getaddrinfo(host, port, *args, **kwargs):
            if host in server.names:
                server.lookups.append(host)
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in server.names[host]]
            return real(host, port, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield server


def test_the_name_is_in_sni_host_and_certificate_while_the_address_is_pinned(secure, settings):
    settings.OUTBOUND_ALLOW = [f"hooks.example:{secure.server_port}"]
    url = f"https://hooks.example:{secure.server_port}/x"
    for _ in range(3):
        assert post(url, body=b"x", headers={}).status == 200
    assert secure.asked == ["hooks.example"]
    assert secure.seen[0][2]["Host"] == f"hooks.example:{secure.server_port}"
    assert len(set(connections(secure))) == 1
    assert secure.lookups == ["hooks.example"]


def test_a_certificate_for_another_name_is_refused(secure, settings):
    settings.OUTBOUND_ALLOW = [f"other.example:{secure.server_port}"]
    with pytest.raises(OutboundFailed) as caught:
        post(f"https://other.example:{secure.server_port}/", body=b"x", headers={})
    assert (caught.value.reason_code, caught.value.maybe_received) == ("tls", False)
    assert secure.seen == []


def test_an_untrusted_certificate_is_refused(secure, settings, monkeypatch):
    monkeypatch.setattr(outbound, "_tls", ssl.create_default_context)
    settings.OUTBOUND_ALLOW = [f"hooks.example:{secure.server_port}"]
    assert failure(f"https://hooks.example:{secure.server_port}/") == "tls"
    assert secure.seen == []


def test_the_context_in_use_checks_names_and_certificates():
    context = outbound._tls()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_rebinding_changes_nothing_because_the_checked_address_is_dialled(secure, monkeypatch):
    """The name's first answer passes, any later one is the attacker's: it is never asked for."""
    dialled = []
    secure.names = {"rebind.example": ["93.184.215.14"]}

    def connect(address, timeout):
        secure.names["rebind.example"] = ["127.0.0.1"]
        dialled.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert failure("https://rebind.example/") == "connect"
    assert dialled == [("93.184.215.14", 443)]
    assert secure.lookups == ["rebind.example"]


def test_the_next_checked_address_is_dialled_when_one_fails(secure, settings, monkeypatch):
    settings.OUTBOUND_ALLOW = [f"hooks.example:{secure.server_port}"]
    secure.names["hooks.example"] = ["127.0.0.2", "127.0.0.1"]
    assert post(f"https://hooks.example:{secure.server_port}/", body=b"x", headers={}).status == 200


def test_check_and_delivery_are_the_same_function():
    assert outbound.check_url is destinations.check_url
    assert outbound.parse is destinations.parse
