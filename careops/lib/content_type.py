"""A Content-Type that says nonsense is refused before Django meets it.

Django reads the header while it makes the request, before any middleware, and looks up whatever encoding it names. One
that is none, such as ``charset=zlib``, would end as a bare 500.
"""

from __future__ import annotations

import json
import string
import uuid
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.utils.http import parse_header_parameters

#: What every encoding of text that anybody sends reads as itself.
PLAIN = string.printable
REFUSAL = json.dumps({
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "The Content-Type names an encoding that is none.",
}).encode()  # fmt: skip


def guarded(application: WSGIApplication) -> WSGIApplication:
    """The same application, for requests whose Content-Type can be understood."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if is_understood(environ.get("CONTENT_TYPE", "")):
            return application(environ, start_response)
        headers = [
            ("Content-Type", "application/problem+json"),
            ("Content-Length", str(len(REFUSAL))),
            ("X-Request-ID", str(uuid.uuid4())),
        ]
        start_response("400 Bad Request", headers)
        return [REFUSAL]

    return answer


def is_understood(content_type: str) -> bool:
    """Can it be taken apart, and is the encoding it names one of text?"""
    try:
        _kind, parameters = parse_header_parameters(content_type)
        return PLAIN.encode().decode(parameters.get("charset") or "utf-8", "replace") == PLAIN
    except (LookupError, ValueError):
        return False
