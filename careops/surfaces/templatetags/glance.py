"""The rows of a table that is there to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import template

if TYPE_CHECKING:  # the admin is loaded after the tags
    from careops.surfaces.glance import Shown

register = template.Library()


@register.simple_tag
def rows_of(inline_admin_formset: Any) -> Iterator[Shown]:
    found: Iterator[Shown] = inline_admin_formset.opts.rows(inline_admin_formset.formset)
    return found
