"""Links to records, for whoever reads: plain text where they may not open the page."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import cast

from django.conf import settings
from django.http import HttpRequest

from careops.access.models import User
from careops.surfaces.links import link_to
from careops.surfaces.timeline import Link


def for_reader(request: HttpRequest, links: Iterable[Link]) -> list[Link]:
    """The same links; behind the staff area's door nobody is anonymous."""
    return [link.for_reader(cast(User, request.user)) for link in links]


def page_of(request: HttpRequest, label: str, pk: uuid.UUID | int | str, text: str = "") -> Link:
    return for_reader(request, [link_to(label, pk, text)])[0]


def patient_page(request: HttpRequest, patient_id: uuid.UUID | None) -> Link | None:
    return page_of(request, settings.PERSON_MODEL, patient_id) if patient_id else None
