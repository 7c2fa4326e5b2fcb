"""The guarded door against real servers on loopback: what it sends, and when it gives up."""

import socket
import time

import pytest

from careops.lib.fields import Secret
from careops.lib.outbound import OutboundFailed, OutboundRefused, check_header, post

from .servers import drip, failure, raw, say

# ── What is sent, what comes back ─────────────────────────────────────────────────────────────────────────


def test_a_request_arrives_exactly_as_given(server):
    reply = post(
        server.url, body=b'{"a": 1}', headers={"Content-Type": "application/json", "X-Key": "secret"}
    )
    ((_port, line, headers, body),) = server.seen
    assert line == "POST /hooks?a=1 HTTP/1.1"
    assert body == b'{"a": 1}'
    assert headers == {
        "Host": f"127.0.0.1:{server.server_port}",
        "User-Agent": "CareOps",
        "Accept-Encoding": "identity",
        "Content-Length": "8",
        "Content-Type": "application/json",
        "X-Key": "secret",
    }
    assert (reply.status, reply.headers, reply.body_start) == (200, {"content-length": "2"}, b"ok")
    assert 0 <= reply.elapsed_ms < 2000


def test_a_stored_secret_is_sent_and_not_its_mask(server):
    post(server.url, body=b"", headers={"X-Key": Secret("abcdefghijklmnop")})
    assert server.seen[0][2]["X-Key"] == "abcdefghijklmnop"


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 400, 410, 429, 500, 503])
def test_every_status_is_an_answer_and_no_redirect_is_followed(server, status):
    server.answer = (status, {"Location": server.url, "Retry-After": "7"}, b"")
    reply = post(server.url, body=b"x", headers={})
    assert (reply.status, reply.headers["retry-after"]) == (status, "7")
    assert len(server.seen) == 1


def test_proxy_variables_are_not_read(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(server.url, body=b"x", headers={}).status == 200


def test_compressed_answers_stay_compressed(server):
    server.answer = (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08 not decoded")
    assert post(server.url, body=b"x", headers={}).body_start == b"\x1f\x8b\x08 not decoded"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "other"},
        {"content-length": "1"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "close"},
        {"X-A": "one", "x-a": "two"},
        {"X-A": "line\r\nX-B: smuggled"},
        {"X-A": "é"},
        {"X A": "value"},
        {"X-A:": "value"},
        {"": "value"},
    ],
)
def test_headers_that_could_change_the_request_are_refused(server, headers):
    with pytest.raises(OutboundRefused) as caught:
        post(server.url, body=b"x", headers=headers)
    assert caught.value.reason_code == "header"
    assert server.seen == []


def test_what_is_not_allowed_any_more_is_refused_although_it_was_reached_before(server, settings):
    assert post(server.url, body=b"x", headers={}).status == 200
    settings.OUTBOUND_ALLOW = []
    with pytest.raises(OutboundRefused):
        post(server.url, body=b"x", headers={})
    assert len(server.seen) == 1


# ── Limits ────────────────────────────────────────────────────────────────────────────────────────────────

SLOW = {
    "headers": drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "one long header": drip(b"HTTP/1.1 200 OK\r\nX-A: ", b"b"),
    "body": drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x"),
    "chunks": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "trailers": drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n"),
    "continues": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "silence": drip(b"", b""),
}


@pytest.mark.parametrize("name", SLOW)
def test_the_deadline_holds_against_a_dripping_server(to, name):
    with raw(SLOW[name]) as port:
        started = time.monotonic()
        with pytest.raises(OutboundFailed) as caught:
            post(to(port), body=b"x", headers={}, deadline=0.4)
        assert 0.4 <= time.monotonic() - started < 1.4
    assert (caught.value.reason_code, caught.value.maybe_received) == ("timeout", True)


def test_the_deadline_holds_while_sending(to):
    def read_slowly(connection, done):
        while not done.wait(0.05):
            connection.recv(1 << 20)

    with raw(read_slowly) as port:
        started = time.monotonic()
        assert failure(to(port), body=b"x" * 60_000_000, deadline=0.4) == "timeout"
        assert time.monotonic() - started < 1.4


def test_the_deadline_holds_during_the_tls_handshake(settings):
    def drip_handshake(connection, done):
        connection.sendall(b"\x16\x03\x03\x40\x00")
        while not done.wait(0.05):
            connection.sendall(b"\x02")

    with raw(drip_handshake) as port:
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
        started = time.monotonic()
        with pytest.raises(OutboundFailed) as caught:
            post(f"https://127.0.0.1:{port}/", body=b"x", headers={}, deadline=0.4)
        assert time.monotonic() - started < 1.4
    assert (caught.value.reason_code, caught.value.maybe_received) == ("timeout", False)


@pytest.mark.parametrize("framing", ["length", "chunked", "until close"])
def test_a_big_body_is_cut_and_its_connection_not_kept(to, framing):
    body = b"y" * 65_537
    head = {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + body,
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n"
        + body
        + b"\r\n0\r\n\r\n",
        "until close": b"HTTP/1.1 200 OK\r\n\r\n" + body,
    }[framing]
    with raw(say(head)) as port:
        reply = post(to(port), body=b"x", headers={})
    assert (reply.status, reply.body_start) == (200, b"y" * 65_536)


def test_no_more_than_the_limit_is_read_of_an_endless_body(to):
    sent = []

    def flood(connection, done):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n")
        while not done.is_set():
            sent.append(connection.send(b"z" * 65536))

    with raw(flood) as port:
        assert len(post(to(port), body=b"x", headers={}).body_start) == 65_536
    assert sum(sent) < 40_000_000  # what the kernel's buffers took, not 400 MB


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n" + (b"X-A: " + b"b" * 60_000 + b"\r\n") * 4, "too_large"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, "too_large"),
        (b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "protocol"),
        (b"HTTP/9.9 200 OK\r\n\r\n", "protocol"),
        (b"HTTP/1.1 99999999999999999999 OK\r\n\r\n", "protocol"),
        (b"\x00\xff\xfe\r\n\r\n", "protocol"),
        (b"<html>hello</html>", "protocol"),
        (b"HTTP/1.1 200 OK\r\nX-A: b", "protocol"),
    ],
)  # fmt: skip
def test_broken_answers_are_failures_that_quote_nothing(to, answer, reason):
    with raw(say(answer)) as port, pytest.raises(OutboundFailed) as caught:
        post(to(port), body=b"x", headers={}, deadline=3)
    assert caught.value.reason_code == reason
    assert caught.value.maybe_received
    assert str(caught.value) == reason


def test_a_refused_connection_is_a_failure_that_sent_nothing(to):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OutboundFailed) as caught:
        post(to(port), body=b"x", headers={})
    assert (caught.value.reason_code, caught.value.maybe_received) == ("connect", False)


# ── A header that staff choose ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Api-Key", "12345678"), ("Authorization", "Bearer " + "x" * 505), ("a", "with space")],
)
def test_good_headers(name, value):
    check_header(name, value)


@pytest.mark.parametrize(
    "name", ["", "a" * 65, "X_Key", "X Key", "X-Key:", "X-Key\r\n", "Schlüssel", "X-Key\n"]
)
def test_header_names(name):
    with pytest.raises(OutboundRefused) as caught:
        check_header(name, "long enough")
    assert caught.value.reason_code == "header_name"


@pytest.mark.parametrize(
    "name",
    [
        "Host", "Content-Type", "content-length", "Connection", "Transfer-Encoding", "TE", "Trailer", "Upgrade",
        "Expect", "Cookie", "User-Agent", "Proxy-Authorization", "X-Forwarded-For", "Webhook-Signature", "SVIX-Id",
        "Accept-Encoding", "Keep-Alive", "Forwarded",
    ],
)  # fmt: skip
def test_headers_that_are_not_theirs_to_choose(name):
    with pytest.raises(OutboundRefused) as caught:
        check_header(name, "long enough")
    assert caught.value.reason_code == "header_reserved"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1234567",
        "x" * 513,
        "line\r\nbreak",
        "12345678\n",
        "ünïcodeee",
        "tab\tinside",
        " 12345678",
        "12345678 ",
    ],
)
def test_header_values(value):
    with pytest.raises(OutboundRefused) as caught:
        check_header("X-Key", value)
    assert caught.value.reason_code == "header_value"
    assert not value or value not in f"{caught.value}{caught.value.message}"
