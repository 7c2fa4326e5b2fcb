"""The one shape of every refusal under /api/: application/problem+json (RFC 9457).

``errors`` says what is wrong with which part of the request: a JSON pointer into the body, or a query parameter's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, RequestDataTooBig, ValidationError
from django.db import IntegrityError, OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation
from rest_framework import exceptions
from rest_framework.settings import api_settings

from careops.access import idempotency
from workflows.catalogue.errors import Conflict, NotPermitted

MEDIA_TYPE = "application/problem+json"
#: A problem that has no name of its own is fully described by its status.
PLAIN = "about:blank"

Errors = Sequence[Mapping[str, str]]


class Problem(Exception):
    """A refusal. ``name`` tells problems of one status apart for programs, ``extra`` carries what they need besides."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        name: str = "",
        errors: Errors = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.name, self.errors, self.extra = status, detail, name, errors, extra
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        return {
            "type": f"urn:careops:problem:{self.name}" if self.name else PLAIN,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            **({"detail": self.detail} if self.detail else {}),
            **({"errors": list(self.errors)} if self.errors else {}),
            **self.extra,
        }


# ── What is wrong with a request ──────────────────────────────────────────────────────────────────────────
def bad_body(errors: Errors) -> Problem:
    return Problem(400, _("Something in the body cannot be accepted."), name="invalid-body", errors=errors)


def bad_parameters(errors: Mapping[str, Iterable[str]]) -> Problem:
    """What is wrong with which query parameter."""
    told = [{"parameter": name, "detail": str(text)} for name, texts in errors.items() for text in texts]
    return Problem(400, _("Something in the query cannot be accepted."), name="invalid-query", errors=told)


def pointers(detail: Any, at: str = "") -> Iterator[dict[str, str]]:
    """A serializer's errors, however deep, as a list."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = name in (api_settings.NON_FIELD_ERRORS_KEY, NON_FIELD_ERRORS)
            yield from pointers(inner, at if here else f"{at}/{escaped(name)}")
    elif isinstance(detail, list | tuple):
        for place, inner in enumerate(detail):
            yield from pointers(inner, f"{at}/{place}" if isinstance(inner, Mapping) else at)
    else:
        yield {"pointer": at, "detail": str(detail)}


def escaped(name: object) -> str:
    """A name as a part of a JSON pointer (RFC 6901)."""
    return str(name).replace("~", "~0").replace("/", "~1")


def from_model(error: ValidationError, known: Iterable[str] | None = None) -> Problem:
    """What a record has against itself. A field that the body has no say in is told of as the whole body's."""
    found = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
    names = None if known is None else set(known)
    told = {
        name if names is None or name in names else NON_FIELD_ERRORS: texts for name, texts in found.items()
    }
    return bad_body(list(pointers(told)))


# ── Which error is which problem ──────────────────────────────────────────────────────────────────────────
def _denied(error: Exception) -> Problem:
    told = str(error) if isinstance(error, NotPermitted | exceptions.PermissionDenied) else ""
    return Problem(403, told or _("You may not do this."))


def _framework(error: exceptions.APIException) -> Problem:
    """405, 406 and 415, in the framework's own words."""
    return Problem(error.status_code, str(error.detail))


def _breach(error: IntegrityError) -> Problem | None:
    """Two requests at once wanted what only one can have; any other breach is our own mistake."""
    if not isinstance(error.__cause__, UniqueViolation):
        return None
    return Problem(409, _("Another record stands in the way. Read again, and decide anew."), name="conflict")


def _collision(error: OperationalError) -> Problem | None:
    """Two requests waited for each other, and the database ended this one; any other such error is our own failure."""
    if not isinstance(error.__cause__, DeadlockDetected | SerializationFailure):
        return None
    told = _("Somebody else was at the same records. Nothing was done; ask again.")
    return Problem(409, told, name="conflict", headers={"Retry-After": "1"})


#: First match wins.
KNOWN: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], Problem | None]], ...] = (
    (Problem, lambda error: error),
    (exceptions.ValidationError, lambda error: bad_body(list(pointers(error.detail)))),
    (ValidationError, from_model),
    (exceptions.ParseError, lambda error: Problem(400, _("The body is no well-formed JSON."))),
    (
        (exceptions.NotAuthenticated, exceptions.AuthenticationFailed),
        lambda error: Problem(401, str(error.detail), headers={"WWW-Authenticate": 'Bearer realm="careops"'}),
    ),
    ((PermissionDenied, exceptions.PermissionDenied), _denied),
    ((Http404, exceptions.NotFound), lambda error: not_found()),
    (RequestDataTooBig, lambda error: Problem(413)),
    (Conflict, lambda error: Problem(409, str(error), name="conflict")),
    (idempotency.InFlight, lambda error: in_flight()),
    (idempotency.Lost, lambda error: in_flight()),
    (
        idempotency.Reused,
        lambda error: Problem(
            422, _("This Idempotency-Key belongs to another request."), name="idempotency-key-reused"
        ),
    ),
    (IntegrityError, _breach),
    (OperationalError, _collision),
    (exceptions.APIException, _framework),
)


def not_found() -> Problem:
    return Problem(404, _("There is nothing here, or nothing that you may see."))


def in_flight() -> Problem:
    told = _("The same request is being worked on. Ask again in a moment.")
    return Problem(409, told, name="request-in-flight", headers={"Retry-After": "1"})


def problem_of(error: Exception) -> Problem | None:
    """The refusal that this error means; None for an error that is nobody's fault but ours."""
    for kinds, told in KNOWN:
        if isinstance(error, kinds):
            return told(error)
    return None
