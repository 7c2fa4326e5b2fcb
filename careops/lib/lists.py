"""What a list of the staff area works out once instead of once for each of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from typing import Any

from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.safestring import SafeString
from unfold.templatetags import unfold_list


class BoundedList(ChangeList):
    """A list that a BoundedPaginator counts."""

    #: Stands for a row's key.
    KEY = "-key-"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The way back to this very list, which Django adds to each row's address after it has resolved that anew.
        self._back, self.preserved_filters = self.preserved_filters, ""

    def url_for_result(self, result: Model) -> str:
        before, after = self._address
        return f"{before}{quote(getattr(result, self.pk_attname))}{after}"

    @cached_property
    def _address(self) -> tuple[str, str]:
        """What stands before a row's key in its address, and what behind it."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        before, _key, after = reverse(
            name, args=[self.KEY], current_app=self.model_admin.admin_site.name
        ).partition(self.KEY)
        return before, f"{after}?{self._back}" if self._back else after

    def get_results(self, request: HttpRequest) -> None:
        """The heading tells how many rows were found of how many. Where neither is known, the foot tells that."""
        super().get_results(request)
        if self.paginator.has_more:
            self.full_result_count = self.result_count


def _once_for_each_list(headings: Callable[[Any], Iterable[dict[str, Any]]]) -> Callable[[Any], list[Any]]:
    @wraps(headings)
    def known(listed: Any) -> list[Any]:
        if "_headings" not in vars(listed):
            # Translated here, not once more for each row.
            listed._headings = [
                {**each, "text": str(each["text"]) if isinstance(each["text"], Promise) else each["text"]}
                for each in headings(listed)
            ]
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
