"""What the account's pages and mails ask that allauth does not tell them."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django import template
from django.urls import reverse

register = template.Library()


@register.simple_tag(takes_context=True)
def sign_up_is_open(context: dict[str, Any]) -> bool:
    """May people make an account of their own here?"""
    return bool(get_adapter().is_open_for_signup(context["request"]))


@register.simple_tag(takes_context=True)
def page_url(context: dict[str, Any], name: str) -> str:
    """The whole address of a page, for a mail."""
    return str(context["request"].build_absolute_uri(reverse(name)))
