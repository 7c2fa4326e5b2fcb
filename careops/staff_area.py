"""The site that all pages of the staff area belong to."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite

from careops.navigation import groups


class StaffArea(UnfoldAdminSite):
    """Unfold's site; pages with our own sidebar do not pay for the list of all applications, which they do not show."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Made when somebody looks at it: 4 ms, most of all for the addresses of two pages per model."""
        return SimpleLazyObject(lambda: super(StaffArea, self).get_app_list(request, app_label))

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return groups(request)
