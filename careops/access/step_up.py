"""Step-up: before something that cannot be taken back lightly, people prove again that it is still them.

A sign-in or a step-up holds for five minutes (``AccountAdapter.is_reauthentication_required``).
"""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode


def is_due(request: HttpRequest) -> bool:
    """Must this person prove themselves again before going on?"""
    return bool(get_adapter(request).is_reauthentication_required(app="careops.access"))


def ask(request: HttpRequest, then: str) -> HttpResponse:
    """Send the browser to prove itself, and then to that page; from inside one of Unfold's dialogs too."""
    url = f"{reverse('account_reauthenticate')}?{urlencode({REDIRECT_FIELD_NAME: then})}"
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
