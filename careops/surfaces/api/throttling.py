"""How many requests a caller may make in a minute, and the headers that tell where they stand."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from careops.access import rates
from careops.access.actor import Actor, ActorKind
from careops.surfaces.api.problem import Problem


def count_request(by: Actor) -> rates.Rate:
    """Count this request of theirs. Raises Problem when it was one too many."""
    limit = settings.API_KEY_PER_MINUTE if by.kind is ActorKind.INTEGRATOR else settings.API_STAFF_PER_MINUTE
    return rates.count(f"{by.kind}:{by.id}", limit)


def too_many(rate: rates.Rate) -> Problem:
    headers = {**rate.headers, "Retry-After": str(rate.reset)}
    return Problem(429, _("Too many requests. Wait for the next minute."), headers=headers)
