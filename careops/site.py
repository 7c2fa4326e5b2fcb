"""The staff's home page: what needs somebody today, and whether the machinery is well."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from careops.lib import clock


def environment(request: HttpRequest) -> list[str] | None:
    """The badge beside the title: that this is a demo, and what time it is there."""
    if not settings.DEMO:
        return None
    moment = timezone.localtime(clock.now())
    return [_("Demo · %(moment)s") % {"moment": date_format(moment, "SHORT_DATETIME_FORMAT")}, "warning"]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the home page shows."""
    return context
