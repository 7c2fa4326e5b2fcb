"""What a list of the staff area works out once instead of once for each of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.templatetags import unfold_list


class BoundedList(ChangeList):
    """A list that a BoundedPaginator counts."""

    def get_results(self, request: HttpRequest) -> None:
        """The heading tells how many rows were found of how many. Where neither is known, the foot tells that."""
        super().get_results(request)
        if self.paginator.has_more:
            self.full_result_count = self.result_count


def _once_for_each_list(headings: Callable[[Any], Iterable[Any]]) -> Callable[[Any], list[Any]]:
    @wraps(headings)
    def known(listed: Any) -> list[Any]:
        if "_headings" not in vars(listed):
            listed._headings = list(headings(listed))
        found: list[Any] = listed._headings
        return found

    return known


# Unfold works out all of them again for each row, for the labels that a phone shows beside the values: a tenth of a page.
unfold_list.result_headers = _once_for_each_list(unfold_list.result_headers)


def badge(text: Any, tone: str) -> SafeString:
    """A coloured label. There are about as many of them as there are states, so each is drawn once."""
    return _drawn(str(text), tone)


@lru_cache(maxsize=500)
def _drawn(text: str, tone: str) -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": tone})
