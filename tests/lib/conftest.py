"""Servers that outbound HTTP may reach although they are on loopback."""

import pytest

from careops.lib import outbound

from .servers import recording


@pytest.fixture(autouse=True)
def empty_pool():
    outbound._kept.forget()
    yield
    outbound._kept.forget()


@pytest.fixture
def server(settings):
    with recording() as server:
        server.url = f"http://127.0.0.1:{server.server_port}/hooks?a=1"
        settings.OUTBOUND_ALLOW = [f"127.0.0.1:{server.server_port}"]
        yield server


@pytest.fixture
def to(settings):
    """Gives the URL of a raw server's port, which is allowed from then on."""

    def url(port):
        settings.OUTBOUND_ALLOW = [*settings.OUTBOUND_ALLOW, f"127.0.0.1:{port}"]
        return f"http://127.0.0.1:{port}/"

    return url
