"""Names the person behind a request: what it changes is recorded as theirs, times are shown in their zone."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from careops.access.actor import Actor
from careops.lib import clock
from workflows.catalogue.recording import acting


class ActingUser:
    """What a request records was done by whoever is signed in; one correlation id ties it together."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not user.is_authenticated:
            return self.get_response(request)
        with timezone.override(ZoneInfo(user.timezone)), acting(Actor.of(user), correlation_id=uuid.uuid4()):
            return self.get_response(request)


class DemoClock:
    """In the demo every request follows the clock that somebody moved for everyone (careops.travel)."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        clock.follow_demo()
        return self.get_response(request)
