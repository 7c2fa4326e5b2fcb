"""Lists in pages that neither skip nor repeat while others write: the next page begins behind the last row seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.fernet import InvalidToken
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from careops.lib.fields import keyring
from careops.surfaces.api.problem import bad_parameters

USUAL, MOST = 50, 200
LONGEST_CURSOR = 500


class Cursor(BasePagination):
    """``limit`` and ``cursor``. The order is the view's; a list of what changed since a moment has the order of change.

    An ordering is one or two columns of one direction, and ends with the primary key.
    """

    PARAMETERS = ("limit", "cursor")

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        self.request = request
        self.order: Sequence[str] = (
            ("updated_at", "id") if request.query_params.get("updated_since") else view.ordering
        )
        self.names = [name.lstrip("-") for name in self.order]
        self.of = [queryset.model._meta.label, *self.names]
        limit = limit_of(request.query_params)
        values, backwards = self._read(queryset, request.query_params.get("cursor", ""))
        descending = self.order[0].startswith("-") is not backwards
        rows = queryset.order_by(*(f"-{name}" if descending else name for name in self.names))
        if values is not None:
            rows = rows.filter(behind(self.names, values, descending))
        found = list(rows[: limit + 1])
        more, page = len(found) > limit, found[:limit]
        if backwards:
            page.reverse()
        self.next = self._cursor(page[-1], backwards=False) if page and (more or backwards) else None
        ahead = more if backwards else values is not None
        self.previous = self._cursor(page[0], backwards=True) if page and ahead else None
        return page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._url(self.next), "previous": self._url(self.previous), "results": data})

    # ── The cursor ───────────────────────────────────────────────────────────────────────────────────────
    def _cursor(self, row: Any, *, backwards: bool) -> str:
        """Where that row stands: encrypted, for addresses are in logs, and a visit's time is nobody's business there."""
        values = [getattr(row, name) for name in self.names]
        written = [value.isoformat() if hasattr(value, "isoformat") else str(value) for value in values]
        return keyring().encrypt(json.dumps([self.of, backwards, written]).encode()).decode()

    def _read(self, queryset: QuerySet[Any], cursor: str) -> tuple[list[Any] | None, bool]:
        """The values it stands for. What is of this list is of our own making, so it is not looked at any further."""
        if not cursor:
            return None, False
        try:
            of, backwards, written = json.loads(keyring().decrypt(cursor[:LONGEST_CURSOR].encode()))
        except (InvalidToken, ValueError, TypeError):
            of = None
        if of != self.of:
            raise bad_parameters({"cursor": [_("This cursor is not of this list.")]})
        columns = [queryset.model._meta.get_field(name) for name in self.names]
        return [column.to_python(text) for column, text in zip(columns, written, strict=True)], backwards

    def _url(self, cursor: str | None) -> str | None:
        return cursor and replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)

    # ── The description ──────────────────────────────────────────────────────────────────────────────────
    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor = {"type": "string", "maxLength": LONGEST_CURSOR}
        return [
            limit_parameter(),
            {
                "name": "cursor",
                "in": "query",
                "schema": cursor,
                "description": _("From `next` or `previous`."),
            },
        ]


def limit_of(parameters: Mapping[str, str]) -> int:
    """Raises Problem for what is no number of rows, or too many of them."""
    asked = parameters.get("limit", "")
    if not asked:
        return USUAL
    if not (asked.isascii() and asked.isdigit() and len(asked) < 6 and 1 <= int(asked) <= MOST):
        raise bad_parameters({"limit": [_("A number from 1 to %(most)d.") % {"most": MOST}]})
    return int(asked)


def limit_parameter() -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}
    return {"name": "limit", "in": "query", "schema": schema, "description": _("How many rows at most.")}


def behind(names: Sequence[str], values: Sequence[Any], descending: bool) -> Q:
    """The rows behind those values; the first condition alone is what lets the index begin at the right place."""
    word = "lt" if descending else "gt"
    if len(names) == 1:
        return Q(**{f"{names[0]}__{word}": values[0]})
    first, second = names
    further = Q(**{f"{first}__{word}": values[0]}) | Q(**{first: values[0], f"{second}__{word}": values[1]})
    return Q(**{f"{first}__{word}e": values[0]}) & further
