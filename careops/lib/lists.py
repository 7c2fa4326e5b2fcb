"""What a list of the staff area works out once instead of once for each of its rows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString


class BoundedList(ChangeList):
    """A list that a BoundedPaginator counts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._query_strings: dict[str, str] = {}
        super().__init__(*args, **kwargs)

    def get_query_string(
        self, new_params: dict[str, Any] | None = None, remove: Iterable[str] | None = None
    ) -> str:
        """Unfold asks for the three of each column's heading again with every row."""
        key = repr((new_params, remove))
        if key not in self._query_strings:
            self._query_strings[key] = super().get_query_string(new_params, remove)
        return self._query_strings[key]

    def get_results(self, request: HttpRequest) -> None:
        """The heading tells how many rows were found of how many. Where neither is known, the foot tells that."""
        super().get_results(request)
        if self.paginator.has_more:
            self.full_result_count = self.result_count


def badge(text: Any, tone: str) -> SafeString:
    """A coloured label. There are about as many of them as there are states, so each is drawn once."""
    return _drawn(str(text), tone)


@lru_cache(maxsize=500)
def _drawn(text: str, tone: str) -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": tone})
