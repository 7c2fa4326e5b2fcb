"""Step-up: before something that cannot be taken back lightly, people prove again that it is still them.

A sign-in or a step-up holds for five minutes (``AccountAdapter.is_reauthentication_required``). Patients who have
neither a password nor a passkey have nothing to prove themselves with: for them the sign-in holds while it lasts.
"""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode


def is_due(request: HttpRequest) -> bool:
    """Must this person prove themselves again before going on?"""
    return bool(is_reauthentication_required(request, app="careops.access"))


def ask(request: HttpRequest, then: str) -> HttpResponse:
    """Send the browser to prove itself, and then to that page; from inside one of Unfold's dialogs too."""
    url = f"{reverse('account_reauthenticate')}?{urlencode({REDIRECT_FIELD_NAME: then})}"
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def rotate(request: HttpRequest, reauthenticated: bool = False, **kwargs: Any) -> None:
    """Give the session a new key at a step-up, as Django does at a sign-in: one overheard before is worth no more."""
    if reauthenticated:
        request.session.cycle_key()
