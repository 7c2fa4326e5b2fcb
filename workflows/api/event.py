"""The feed: everything that happened, in one order without gaps, from wherever a program left off.

Positions are given one at a time and become visible in order (``workflows.engine.dispatch``), so whoever has seen one
has seen all before it. A program keeps ``next_after`` with what it did, and asks for what comes behind it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import Event as Signal
from typing import Any

from django.conf import settings
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from careops.access.waiting import waiting
from careops.surfaces.api import ListViewSet
from careops.surfaces.api.pagination import limit_of, limit_parameter
from careops.surfaces.api.problem import Problem, bad_parameters
from workflows.catalogue import events
from workflows.catalogue.registry import UnknownName
from workflows.models import EventRecord

#: Positions that one look goes through at most, whatever it is looking for.
SCANNED = 10_000
LONGEST_WAIT = 20
LOOK_EVERY_SECONDS = 0.25
FURTHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program wants of the feed. ``names`` None: everything."""

    after: int
    limit: int
    wait: int
    names: Collection[str] | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """Raises Problem for what cannot be asked."""
        return cls(
            after=_number(query, "after", FURTHEST),
            limit=limit_of(query),
            wait=_number(query, "wait", LONGEST_WAIT),
            names=_names(query.get("types", "")),
        )


def _number(query: Mapping[str, str], name: str, most: int) -> int:
    text = query.get(name, "") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise bad_parameters({name: [_("A whole number from 0 to %(most)d.") % {"most": most}]})
    return int(text)


def _names(types: str) -> Collection[str] | None:
    """The events' own names, whatever vocabulary's they were asked by."""
    if not types:
        return None
    found: set[str] = set()
    strange = []
    for name in types.split(","):
        try:
            found |= {event.name for event in events.named(name.strip())}
        except UnknownName as unknown:
            strange.append(str(unknown))
    if strange:
        raise bad_parameters({"types": strange})
    return found


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found, and how far it saw."""

    found: list[EventRecord]
    seen: int
    newest: int


def look(rows: QuerySet[EventRecord], asked: Asked, after: int) -> Look:
    """The next events behind that position; ``seen`` moves on over those that were not asked for."""
    newest = EventRecord.objects.aggregate(last=Max("position"))["last"] or 0
    if after > newest:
        told = _("There is no such position yet. Was the database restored from an older copy?")
        raise Problem(409, told, name="position-ahead", newest=newest)
    until = min(newest, after + SCANNED)
    rows = rows.filter(position__gt=after, position__lte=until)
    if asked.names is not None:
        rows = rows.filter(name__in=asked.names)
    found = list(rows.order_by("position")[: asked.limit])
    return Look(found, found[-1].position or 0 if len(found) == asked.limit else until, newest)


def wait_for(rows: QuerySet[EventRecord], asked: Asked, at: Look) -> Look:
    """Look again until something is there or the time is up, where there is a place to wait. Between two looks the
    connection is in no transaction."""
    ends, pause = time.monotonic() + asked.wait, Signal()
    with waiting(settings.API_WAITING, asked.wait + LONGEST_WAIT) as may:
        while may and not at.found and (left := ends - time.monotonic()) > 0:
            if at.seen == at.newest:
                pause.wait(min(LOOK_EVERY_SECONDS, left))
            at = look(rows, asked, at.seen)
    return at


class Feed(BasePagination):
    """``after``, ``types``, ``limit``, ``wait``."""

    PARAMETERS = ("after", "types", "limit", "wait")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        asked = Asked.of(request.query_params)
        at = look(queryset, asked, asked.after)
        if not at.found and asked.wait:
            at = wait_for(queryset, asked, at)
            view.look_again()
        self.at, self.url = at, request.build_absolute_uri()
        return at.found

    def get_paginated_response(self, data: Any) -> Response:
        return Response({
            "next": replace_query_param(self.url, "after", str(self.at.seen)),
            "next_after": self.at.seen,
            "caught_up": self.at.seen == self.at.newest,
            "results": data,
        })  # fmt: skip

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["next", "next_after", "caught_up", "results"],
            "properties": {
                "next": {"type": "string", "format": "uri"},
                "next_after": {
                    "type": "integer", "format": "int64",
                    "description": "Ask with this as `after`, even when nothing of what you want was there.",
                },
                "caught_up": {"type": "boolean", "description": "Nothing newer has been numbered yet."},
                "results": schema,
            },
        }  # fmt: skip

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("after", {"type": "integer", "format": "int64", "minimum": 0, "maximum": FURTHEST, "default": 0},
                       "The position you have seen last."),
            _parameter("types", {"type": "string"}, "Names of events in any vocabulary, separated by commas."),
            limit_parameter(),
            _parameter("wait", {"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
                       "Seconds to wait for something to happen. With every place taken the answer comes at once."),
        ]  # fmt: skip


def _parameter(name: str, schema: dict[str, Any], told: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": told}


class SubjectSerializer(serializers.Serializer[EventRecord]):
    type = serializers.CharField(source="subject_type")
    id = serializers.UUIDField(source="subject_id")


class ActorSerializer(serializers.Serializer[EventRecord]):
    kind = serializers.CharField(source="actor_kind")
    id = serializers.CharField(source="actor_id")


class EventSerializer(serializers.ModelSerializer[EventRecord]):
    id = serializers.UUIDField(source="uid", read_only=True)
    subject = SubjectSerializer(source="*", read_only=True)
    patient = serializers.UUIDField(source="patient_id", allow_null=True, read_only=True)
    actor = ActorSerializer(source="*", read_only=True)

    class Meta:
        model = EventRecord
        fields = (
            "position", "id", "name", "subject", "patient", "actor", "data", "occurred_at", "recorded_at",
            "correlation_id",
        )  # fmt: skip
        read_only_fields = fields


class EventViewSet(ListViewSet):
    """What happened, oldest first. Thin: references, states and names of changed fields, never what was in them."""

    queryset = EventRecord.objects.exclude(position=None)
    serializer_class = EventSerializer
    filterset_class = None
    pagination_class = Feed
    refusals = ("409",)
