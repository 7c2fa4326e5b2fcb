"""Which addresses outbound HTTP may reach. Names are resolved by a stand-in, so no test needs the internet."""

import ipaddress
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from careops.lib import destinations
from careops.lib.outbound import OutboundFailed, OutboundRefused, check_url, post

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


@pytest.fixture
def dns(monkeypatch):
    """The answers for each name; a name that is missing does not exist."""
    answers: dict[str, list[str]] = {"example.com": [PUBLIC]}
    asked: list[str] = []

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        if host not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return SimpleNamespace(answers=answers, asked=asked)


def refusal(url):
    with pytest.raises(OutboundRefused) as caught:
        check_url(url)
    return caught.value.reason_code


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hooks?x=1#part",
        "https://EXAMPLE.com:443/",
        "https://example.com:8443/",
        f"https://{PUBLIC}/",
        f"https://[{PUBLIC_V6}]/",
    ],
)
def test_public_https_addresses_pass(url, dns):
    check_url(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "url"),
        ("example.com", "host"),
        ("https://", "host"),
        ("https:///path", "host"),
        ("http://example.com/", "scheme"),
        ("ftp://example.com/", "scheme"),
        ("file:///etc/passwd", "host"),
        ("gopher://example.com:443/", "scheme"),
        ("https://example.com:80/", "port"),
        ("https://example.com:22/", "port"),
        ("https://example.com:0/", "port"),
        ("https://example.com:99999/", "url"),
        ("https://example.com:x/", "url"),
        ("https://user@example.com/", "userinfo"),
        ("https://user:secret@example.com/", "userinfo"),
        ("https://example.com@127.0.0.1/", "userinfo"),
        ("https://@example.com/", "userinfo"),
        ("https://exa mple.com/", "url"),
        ("https://example.com/\r\nX: y", "url"),
        ("https://example.com\\@127.0.0.1/", "url"),
        ("https://exämple.com/", "url"),
        ("https://example.com/ü", "url"),
        ("https://exa%6dple.com/", "host"),
        ("https://example.com./", "host"),
        ("https://-example.com/", "host"),
        ("https://2130706433/", "host"),
        ("https://0x7f000001/", "host"),
        ("https://0x7f.1/", "host"),
        ("https://0177.1/", "host"),
        ("https://0177.0.0.01/", "host"),
        ("https://127.1/", "host"),
        ("https://127.0.0.1./", "host"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://[::1", "url"),
        ("https://" + "a" * 64 + ".com/", "host"),
        ("https://example.com/" + "a" * 2000, "url"),
        ("https://nowhere.example/", "dns"),
    ],
)
def test_other_forms_are_refused(url, reason, dns):
    assert refusal(url) == reason


INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::ffff:0:7f00:1", "64:ff9b::7f00:1",
    "64:ff9b::5db8:d70e", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1",
    "2001:10::1", "2001:db8::1", "2002:7f00:1::", "2002:5db8:d70e::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_are_not_public_are_refused_by_number_and_by_name(address, dns):
    dns.answers["inside.example"] = [address]
    literal = f"[{address}]" if ":" in address else address
    assert refusal(f"https://{literal}/") == "address"
    assert refusal("https://inside.example/") == "address"


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "100.63.255.255", "100.128.0.0", "168.63.129.17", PUBLIC_V6]
)
def test_public_neighbours_are_public(address):
    assert destinations.is_public(ipaddress.ip_address(address))


def test_one_private_answer_refuses_them_all(dns):
    dns.answers["both.example"] = [PUBLIC, "10.0.0.1"]
    assert refusal("https://both.example/") == "address"


def test_each_check_resolves_once(dns):
    check_url("https://example.com/")
    assert dns.asked == ["example.com"]


def test_an_allowed_host_and_port_needs_neither_https_nor_a_public_address(settings, dns):
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9000", "Relay:5678", "[::1]:9000"]
    check_url("http://127.0.0.1:9000/x")
    check_url("https://127.0.0.1:9000/x")
    check_url("http://relay:5678/")
    check_url("http://[::1]:9000/")
    assert refusal("http://127.0.0.1:9001/") == "scheme"
    assert refusal("https://127.0.0.1/") == "address"
    assert refusal("http://127.0.0.2:9000/") == "scheme"
    assert refusal("http://example.com:9000/") == "scheme"
    assert refusal("ftp://127.0.0.1:9000/") == "scheme"


def test_post_applies_the_same_rules_and_connects_nowhere(dns, monkeypatch):
    def connect(*args, **kwargs):
        raise AssertionError("connected")

    monkeypatch.setattr(socket, "create_connection", connect)
    dns.answers["inside.example"] = ["10.0.0.1"]
    for url, reason in [
        ("https://inside.example/", "address"),
        ("http://example.com/", "scheme"),
        ("https://u@example.com/", "userinfo"),
        ("https://169.254.169.254/", "address"),
    ]:
        with pytest.raises(OutboundRefused) as caught:
            post(url, body=b"", headers={})
        assert caught.value.reason_code == reason


def test_a_name_that_does_not_resolve_may_do_so_later(dns):
    with pytest.raises(OutboundFailed) as caught:
        post("https://nowhere.example/", body=b"", headers={})
    assert (caught.value.reason_code, caught.value.maybe_received) == ("dns", False)


def test_a_name_server_that_does_not_answer_costs_the_deadline_and_no_more(monkeypatch):
    release = threading.Event()

    def hang(*args, **kwargs):
        release.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with pytest.raises(OutboundFailed) as caught:
        post("https://slow.example/", body=b"", headers={}, deadline=0.2)
    release.set()
    assert time.monotonic() - started < 1.2
    assert caught.value.reason_code == "timeout"


def test_a_refusal_repeats_nothing_that_was_typed():
    with pytest.raises(OutboundRefused) as caught:
        check_url("https://user:hunter2@example.com/")
    assert "hunter2" not in f"{caught.value}{caught.value.message}{caught.value.args}"
