"""What every request passes: the content policy, the second factor of staff, and the limits of a session."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from careops.access import second_factor

GetResponse = Callable[[HttpRequest], HttpResponse]

STARTED, SEEN = "careops_started", "careops_seen"
PORTAL_IDLE_SECONDS = 20 * 60
# A session is written at most this often for having been used, so the idle limit may come that much early.
SEEN_EVERY_SECONDS = 10


class ContentSecurityPolicy(CSPMiddleware):
    """The strict policy, loosened under /admin/ alone, where Unfold's Alpine evaluates expressions."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponse, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith("/admin/"):
            parts.replace = {**settings.ADMIN_CONTENT_SECURITY_POLICY, **(parts.replace or {})}
        return parts


class SecondFactorForStaff:
    """Staff get nowhere without a second factor: allauth offers one, but asks nobody for it.

    Who has none may open the account's own pages, to enrol one. Who has one that this session has not shown
    may only open the pages that ask for it: else a stolen password, or a code from a stolen mailbox, could take
    the owner's factor away. The demo waives the rule for visitors from this machine.
    """

    TO_ENROL = ("account_", "mfa_")
    TO_PROVE = frozenset({"mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_logout"})

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        user = request.user
        if not (user.is_authenticated and user.is_staff) or (settings.DEMO and _from_this_machine(request)):
            return None
        name = request.resolver_match.view_name  # "admin:index": a namespaced page is never an account page
        if not second_factor.is_enrolled(user):
            if name.startswith(self.TO_ENROL):
                return None
            return _turn_away(request, "mfa_index", 403, _("Set up a second factor first."))
        if name in self.TO_PROVE or second_factor.is_proven(request):
            return None
        return _turn_away(request, second_factor.way_to_prove(user), 403, _("Show your second factor first."))


class SessionLimits:
    """Ends a session that was idle for too long, or is too old whatever happened in it: 45 CFR 164.312(a)(2).

    By the wall clock, not ``careops_now()``: the demo's time travel signs nobody out. Browsers store no page
    of a signed-in person, so nobody reads them with the Back button afterwards.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        now, session = time.time(), request.session
        idle = settings.SESSION_IDLE_SECONDS if request.user.is_staff else PORTAL_IDLE_SECONDS
        if now - session.get(SEEN, now) > idle:
            return self._end(request, _("You were signed out because you had been away for a while."))
        started = session.get(STARTED, now)
        if now - started > settings.SESSION_ABSOLUTE_SECONDS:
            return self._end(request, _("You were signed out because you had been signed in for long."))
        if now - session.get(SEEN, 0) >= SEEN_EVERY_SECONDS:
            _note(session, {STARTED: started, SEEN: now})
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _end(self, request: HttpRequest, why: str) -> HttpResponse:
        logout(request)
        messages.info(request, why)
        return _turn_away(request, "account_login", 401, why)


def _note(session: SessionBase, moments: dict[str, float]) -> None:
    """Written at once and onto the session as it is now: written at the request's end, the copy that was read at its
    beginning would undo what other tabs wrote meanwhile, and a request may wait for long."""
    with transaction.atomic():
        for row in Session.objects.select_for_update().filter(session_key=session.session_key):
            row.session_data = session.encode({**row.get_decoded(), **moments})
            row.save(update_fields=["session_data"])
    was_modified = session.modified
    session.update(moments)
    session.modified = was_modified


def _turn_away(request: HttpRequest, page: str, status: int, why: str) -> HttpResponse:
    """Send a browser to that page and back afterwards; tell a program, in the API's one error shape."""
    if request.path_info.startswith("/api/") or _prefers_json(request):
        problem = {"type": "about:blank", "title": why, "status": status}
        return JsonResponse(problem, status=status, content_type="application/problem+json")
    url = reverse(page)
    if "HX-Request" in request.headers:  # a redirect would be loaded into the dialog that asked
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    if request.method == "GET":
        url += "?" + urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
    return HttpResponseRedirect(url)


def _prefers_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def _from_this_machine(request: HttpRequest) -> bool:
    address = request.META.get("REMOTE_ADDR", "")
    return not address or ip_address(address).is_loopback  # a unix socket has no address
