"""A Content-Type that no request can be made of is refused, whatever address it is sent to."""

from __future__ import annotations

import json
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from careops.lib.content_type import is_understood
from careops.wsgi import application

NONSENSE = [
    "text/plain; charset=zlib",
    "text/plain; charset=idna",
    "application/json; charset=punycode",
    "application/json; charset=nothing",
    "application/json; a*=bogus''x",
]


@pytest.mark.parametrize("content_type", NONSENSE)
@pytest.mark.parametrize("path", ["/api/v1/tasks/", "/healthz"])
def test_nonsense_is_refused_in_the_one_shape(content_type: str, path: str) -> None:
    told: dict[str, Any] = {}
    environ: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": "state=%6fpen",
        "CONTENT_TYPE": content_type,
    }
    setup_testing_defaults(environ)

    def start_response(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        told.update(headers, status=status)

    body = b"".join(application(environ, start_response))
    assert (told["status"], told["Content-Type"]) == ("400 Bad Request", "application/problem+json")
    assert told["Content-Length"] == str(len(body))
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The Content-Type names an encoding that is none.",
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "nonsense",
        "application/json",
        "application/json; charset=UTF-8",
        'text/plain; charset="iso-8859-1"',
        "text/plain; charset=",
        "application/x-www-form-urlencoded; charset=windows-1252",
        "multipart/form-data; boundary=x",
    ],
)
def test_what_is_sent_every_day_goes_through(content_type: str) -> None:
    assert is_understood(content_type)
