"""How the API describes itself (OpenAPI): what holds everywhere is written once, the rest is read off the views."""

from __future__ import annotations

import inspect
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from careops.surfaces.api import arguments
from careops.surfaces.api.problem import MEDIA_TYPE

#: Status → name of the response component, and what it means.
REFUSALS = {
    "400": ("BadRequest", "The body or the query cannot be accepted; `errors` says where."),
    "401": ("Unauthorized", "No key, no session, or a key that works no more."),
    "403": ("Forbidden", "The caller lacks a permission."),
    "404": ("NotFound", "There is no such record, or it is not the caller's to see."),
    "406": ("NotAcceptable", "The API speaks JSON only."),
    "409": ("Conflict", "The state does not allow it, somebody else was faster, or the same request is under way."),
    "411": ("LengthRequired", "A body needs a `Content-Length`; chunks are not read."),
    "412": ("PreconditionFailed", "`If-Match` names another version than the present one."),
    "413": ("ContentTooLarge", "A body holds one megabyte at most."),
    "415": ("UnsupportedMediaType", "The API reads JSON only."),
    "422": ("UnprocessableContent", "The Idempotency-Key belongs to another request."),
    "429": ("TooManyRequests", "The caller's minute is used up; `Retry-After` says for how long."),
    "500": ("ServerError", "A failure of ours. What was asked has not been done."),
}  # fmt: skip
ALWAYS = ("401", "403", "406", "429", "500")
WHEN_WRITING = ("400", "404", "409", "411", "412", "413", "415", "422")

HEADERS = {
    "ETag": ("The record's version, for `If-Match` and `If-None-Match`.", {"type": "string"}),
    "Location": ("Where the new record is.", {"type": "string", "format": "uri"}),
    "X-Request-ID": ("The request's id. Events that it caused carry it as their correlation id.",
                     {"type": "string", "format": "uuid"}),
    "RateLimit-Limit": ("Requests that the caller may make in a minute.", {"type": "integer"}),
    "RateLimit-Remaining": ("How many are left.", {"type": "integer"}),
    "RateLimit-Reset": ("In how many seconds the next minute begins.", {"type": "integer"}),
    "Idempotency-Replayed": ("`true` on a reply that was given before to the same key.", {"type": "string"}),
    "Retry-After": ("After how many seconds to ask again.", {"type": "integer"}),
}  # fmt: skip
EVERYWHERE = ("X-Request-ID", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "`about:blank`, or `urn:careops:problem:…` to tell problems apart."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemError"}},
        "state": {"type": "string", "description": "The record's state, where it does not allow a move."},
        "legal": {"type": "array", "items": {"type": "string"}, "description": "Moves the caller could make instead."},
        "newest": {"type": "integer", "format": "int64", "description": "The feed's last position."},
    },
}  # fmt: skip
PROBLEM_ERROR = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer into the body; empty for all of it."},
        "parameter": {"type": "string", "description": "A query parameter's name."},
        "detail": {"type": "string"},
    },
}
EXAMPLE = {
    "type": "urn:careops:problem:invalid-body",
    "title": "Bad Request",
    "status": 400,
    "detail": "Something in the body cannot be accepted.",
    "errors": [{"pointer": "/starts_at", "detail": "This field is required."}],
}
#: An action's name → what its operation is called.
WORDS = {"list": "list", "retrieve": "get", "create": "create", "partial_update": "update"}
MOVES = {
    "type": "object",
    "required": ["state", "transitions"],
    "properties": {
        "state": {"type": "string"},
        "transitions": {"type": "array", "items": {"$ref": "#/components/schemas/PossibleMove"}},
    },
}
POSSIBLE_MOVE = {
    "type": "object",
    "required": ["name", "label", "arguments"],
    "properties": {
        "name": {"type": "string"},
        "label": {"type": "string"},
        "arguments": {"type": "array", "items": {
            "type": "object",
            "required": ["name", "label", "type", "required", "choices"],
            "properties": {
                "name": {"type": "string"},
                "label": {"type": "string"},
                "type": {"type": "string"},
                "required": {"type": "boolean"},
                "choices": {"type": "array", "items": {"type": "string"}},
            },
        }},
    },
}  # fmt: skip


class ApiSchema(AutoSchema):
    """Reads a view's operations: readable ids (``orders_ship``), every header, every refusal."""

    # ── Names ────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def noun(self) -> str:
        return self.view.basename.replace("-", "_")

    @property
    def move(self) -> Any:
        """The move that the operation stands for, or None."""
        move_of = getattr(self.view, "move_of", None)
        return move_of(self.view.action) if move_of else None

    def get_operation_id(self) -> str:
        word = self.move.name if self.move else WORDS.get(self.view.action, self.view.action)
        return f"{self.noun}_{word}"

    def get_tags(self) -> list[str]:
        return [self.view.basename]

    def get_summary(self) -> str:
        if self.move:
            return str(self.move.label)
        options = self.view.model._meta
        name = options.verbose_name_plural if self.view.action == "list" else options.verbose_name
        return f"{capfirst(WORDS.get(self.view.action, self.view.action))}: {name}"

    def get_description(self) -> str:
        if self.move:
            return inspect.getdoc(getattr(self.view.model, self.move.name)) or ""
        return inspect.getdoc(type(self.view)) or ""

    # ── Bodies ───────────────────────────────────────────────────────────────────────────────────────────
    def get_request_serializer(self) -> Any:
        if self.move:
            body = arguments.arguments_of(self.view.model, self.move)
            return body if body().fields else None
        return super().get_request_serializer()

    def get_response_serializers(self) -> Any:
        if self.move:
            return {200: self.view.get_serializer_class()}
        if self.view.action == "transitions":
            return {200: OpenApiTypes.OBJECT}
        return super().get_response_serializers()

    def get_examples(self) -> list[OpenApiExample]:
        if self.view.action != "create":
            return []
        example = getattr(self.view.get_serializer_class().Meta, "example", None)
        return [OpenApiExample("Example", value=example, request_only=True)] if example else []

    # ── Headers and refusals ─────────────────────────────────────────────────────────────────────────────
    def get_override_parameters(self) -> list[OpenApiParameter]:
        found = []
        if self.method == "POST":
            told = _(
                "Any text of your own, such as a UUID. Asked again with it, the request is not carried out again."
            )
            found.append(_header("Idempotency-Key", told))
        if self.method == "PATCH" or self.move:
            found.append(_header("If-Match", _("The ETag you have read: refuses to change another version.")))
        if self.view.action == "retrieve":
            found.append(_header("If-None-Match", _("The ETag you have: answers 304 when it still holds.")))
        return found

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if self.view.action == "transitions":
            schema = {"$ref": "#/components/schemas/PossibleMoves"}
            operation["responses"]["200"]["content"]["application/json"]["schema"] = schema
        for code, response in operation["responses"].items():
            named = [*EVERYWHERE, *self._own_headers(code)]
            response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in named}
            response["description"] = response.get("description") or self.get_summary()
        if self.view.action == "retrieve":
            operation["responses"]["304"] = {"description": _("It is still the version you have.")}
        for code in self._refusals():
            operation["responses"][code] = {"$ref": f"#/components/responses/{REFUSALS[code][0]}"}
        return operation

    def _own_headers(self, code: str) -> list[str]:
        found = ["Location"] if code == "201" else []
        found += ["Idempotency-Replayed"] if self.method == "POST" else []
        return found + (["ETag"] if self.view.action != "list" else [])

    def _refusals(self) -> list[str]:
        codes = {*ALWAYS, "400", *self.view.refusals}
        if self.method != "GET":
            codes |= set(WHEN_WRITING)
        if "{" in self.path:
            codes.add("404")
        return sorted(codes)


def _header(name: str, told: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=told)


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "careops.surfaces.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A key that staff made: `co_live_…`."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "careops.surfaces.api.authentication.StaffSession"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        told = "The session of a member of staff, second factor shown. Unsafe requests need `X-CSRFToken`."
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": told}


def add_what_holds_everywhere(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Hook of drf-spectacular: the components that every operation refers to."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(
        Problem=PROBLEM, ProblemError=PROBLEM_ERROR, PossibleMoves=MOVES, PossibleMove=POSSIBLE_MOVE
    )
    components["headers"] = {
        name: {"description": told, "schema": schema} for name, (told, schema) in HEADERS.items()
    }
    components["responses"] = {name: _refusal(code, told) for code, (name, told) in REFUSALS.items()}
    _forget_internals(result)
    return result


def _forget_internals(node: Any) -> None:
    """drf-spectacular marks enumerations for a hook that we do not use."""
    if isinstance(node, dict):
        node.pop("x-spec-enum-id", None)
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _forget_internals(inner)


def _refusal(code: str, told: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if code == "400":
        content["example"] = EXAMPLE
    named = ["X-Request-ID", *(["Retry-After"] if code in ("409", "429") else [])]
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in named}
    return {"description": told, "headers": headers, "content": {MEDIA_TYPE: content}}
