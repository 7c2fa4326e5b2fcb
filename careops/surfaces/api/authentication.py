"""Who calls: a key in the Authorization header, or a member of staff with a session. ``request.auth`` is the Actor.

A request that carries an Authorization header is judged by it alone: the middleware has put its session aside.
"""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from careops.access import api_keys, rates
from careops.access.actor import Actor
from careops.surfaces.api.throttling import too_many

SCHEME = "bearer"


class KeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer co_live_…``. Whoever keeps trying wrong keys is told to wait, and so are neighbours
    who try wrong ones from the same address; a right key is never refused for it."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Actor] | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _space, token = header.partition(" ")
        key = api_keys.authenticate(token.strip()) if scheme.lower() == SCHEME else None
        if key is None:
            self._count_failure(request)
            raise AuthenticationFailed(_("This is no key, or one that works no more."))
        return AnonymousUser(), api_keys.actor_of(key)

    def _count_failure(self, request: Request) -> None:
        address = get_adapter(request).get_client_ip(request)
        rate = rates.count(f"failed:{address}", settings.API_FAILED_KEYS_PER_MINUTE)
        if rate.exceeded:
            raise too_many(rate)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="careops"'


class StaffSession(SessionAuthentication):
    """A session of somebody who works here; unsafe requests need the CSRF token. Patients have the portal."""

    def authenticate(self, request: Request) -> tuple[object, Actor] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        if not user.is_staff:
            raise PermissionDenied(
                _("The API is for staff and for keys. Your own pages show you everything of yours.")
            )
        return user, Actor.of(user)

    def enforce_csrf(self, request: Request) -> None:
        """The token comes in its header. Looked for in a form, it would have the body read before anybody is counted."""
        request._request.POST = QueryDict()
        super().enforce_csrf(request._request)


def read_anew(request: HttpRequest) -> None:
    """Forget what the session said when the request came: it may have ended since, or its owner left."""
    request.session = type(request.session)(request.session.session_key)
    request.user = get_user(request)
