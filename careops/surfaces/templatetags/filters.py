"""The choices of a list's filter, drawn at once: practitioners and care teams come by the dozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.encoding import iri_to_uri
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

#: Unfold's own looks: one choice below the other, or, for a filter that says so, side by side.
UPRIGHT = "border border-base-200 flex flex-col rounded-default shadow-xs dark:border-base-700"
ITEM = "border-b border-base-200 last:border-b-0 dark:border-base-700"
LINK = "block px-3 py-2 hover:text-primary-600 dark:hover:text-primary-500"
ACROSS = (
    "dark:bg-base-900 border border-base-200 flex min-w-20 rounded-default shadow-xs text-font-default-light "
    "dark:border-base-700 dark:text-font-default-dark w-full"
)
ITEM_ACROSS = "basis-1/3 border-r border-base-200 grow truncate last:border-r-0 dark:border-base-700"
LINK_ACROSS = "block py-2 text-center hover:text-primary-600 dark:hover:text-primary-500"
CHOSEN = "font-semibold text-primary-600 dark:text-primary-500"
OTHER = "hover:text-base-700 dark:hover:text-base-200"


@register.simple_tag
def filter_choices(spec: Any, choices: Iterable[Mapping[str, Any]]) -> SafeString:
    """The links of a filter. A template's loop takes seven times as long for each of them."""
    choices = list(choices)
    across = getattr(spec, "horizontal", False) or type(spec).__name__ == "BooleanFieldListFilter"
    outer, item, link = (ACROSS, ITEM_ACROSS, LINK_ACROSS) if across else (UPRIGHT, ITEM, LINK)
    links = format_html_join(
        "",
        '<li class="{0} {1}"><a href="{2}" title="{3}" class="{4}">{3}</a></li>',
        (
            (
                item,
                CHOSEN if choice["selected"] else OTHER,
                iri_to_uri(choice["query_string"]),
                choice["display"],
                link,
            )
            for choice in choices
        ),
    )
    return format_html('{}<ul class="{}">{}</ul>', _kept(spec, choices), outer, links)


def _kept(spec: Any, choices: Iterable[Mapping[str, Any]]) -> SafeString:
    """What was chosen goes along when another filter's form is sent, such as a range of dates."""
    values = getattr(spec, "lookup_val", None)
    if not values or not any(choice["selected"] for choice in choices):
        return SafeString("")
    return format_html('<input type="hidden" name="{}" value="{}">', spec.lookup_kwarg, values[0])
