"""The demo's time travel: a wait of two weeks passes at a click, through the real engine, for everybody at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from careops.lib import clock

#: What may be asked for; "back" is the present.
LEAPS: dict[str, tuple[Any, timedelta | None]] = {
    "1m": (_("1 minute on"), timedelta(minutes=1)),
    "1h": (_("1 hour on"), timedelta(hours=1)),
    "1d": (_("1 day on"), timedelta(days=1)),
    "1w": (_("1 week on"), timedelta(weeks=1)),
    "2w": (_("2 weeks on"), timedelta(weeks=2)),
    "back": (_("back to the present"), None),
}


class LeapForm(forms.Form):
    leap = forms.ChoiceField(
        label=_("Travel in time"), choices=[(key, label) for key, (label, _by) in LEAPS.items()]
    )


def travel(leap: str) -> timedelta:
    """Move everybody's clock; returns how far it now stands from the real time. Raises RuntimeError outside the demo."""
    by = LEAPS[leap][1]
    shift = timedelta(0) if by is None else clock.current_shift() + by
    clock.shift_everyone(shift)
    return shift


@require_POST
@login_required
def view(request: HttpRequest) -> HttpResponse:
    """The button of the demo's home page; the address does not exist in a clinic."""
    if not settings.DEMO or not getattr(request.user, "is_staff", False):
        raise Http404
    form = LeapForm(request.POST)
    if form.is_valid():
        travel(form.cleaned_data["leap"])
        messages.success(request, _t("The clock has moved. What fell due meanwhile is being done."))
    return HttpResponseRedirect(reverse("admin:index"))
