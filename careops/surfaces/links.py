"""Where a record has its page in the staff area, and what it takes to open it."""

from __future__ import annotations

import uuid

from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django.utils.text import capfirst

from careops.surfaces.timeline import Link


def link_to(label: str, pk: uuid.UUID | int | str, text: str = "") -> Link:
    """A link to the record of that model label; plain text when the model is gone or has no page."""
    try:
        model = apps.get_model(label)
    except LookupError:
        return Link(text or label)
    options = model._meta
    text = text or capfirst(str(options.verbose_name))
    if not admin.site.is_registered(model):
        return Link(text)
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[pk])
    return Link(text, url, needs=f"{options.app_label}.view_{options.model_name}")
