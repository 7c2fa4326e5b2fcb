"""Signing in with the second factor already shown, and what the tests of pages ask again and again."""

from __future__ import annotations

import json
import time
from html import unescape
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from careops.access.models import User


def sign_in(client: Client, user: User) -> Client:
    """A session that has shown both factors, without the walk through allauth's pages."""
    client.force_login(user)
    if user.is_staff:
        Authenticator.objects.get_or_create(user=user, type=Authenticator.Type.TOTP, defaults={"data": {}})
        session = client.session
        session["account_authentication_methods_user"] = str(user.pk)
        session["account_authentication_methods"] = [
            {"method": "password", "at": time.time()},
            {"method": "mfa", "at": time.time(), "type": "totp"},
        ]
        session.save()
    return client


def page(record: Model, name: str = "change", *more: str) -> str:
    """The address of a record's page in the staff area."""
    options = record._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{name}", args=[record.pk, *more])


def filled_in(response: Any, **changes: Any) -> dict[str, Any]:
    """What the browser would send back from that form page, with these fields changed by the person."""
    form = response.context["adminform"].form
    data: dict[str, Any] = {"_seen": form.seen_json()}
    for bound in form:
        widget, value = bound.field.widget, bound.value()
        subwidgets = getattr(widget, "widgets", None)
        if subwidgets:
            for suffix, part, one in zip(
                widget.widgets_names, subwidgets, widget.decompress(value), strict=True
            ):
                data[bound.html_name + suffix] = part.format_value(one) or ""
        else:
            data[bound.html_name] = "" if value is None else value
    for formset in (inline.formset for inline in response.context["inline_admin_formsets"]):
        data |= {formset.management_form[name].html_name: formset.management_form[name].value() for name in
                 ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}  # fmt: skip
    assert f'name="_seen" value="{data["_seen"]}"' in unescape(response.content.decode()), (
        "the page carries it"
    )
    json.loads(data["_seen"])
    return data | changes
