"""Pages to look at: rows that people read and never edit, each on a page of its own making."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.admin.utils import display_for_field, label_for_field, lookup_field
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from careops.surfaces.records import RecordAdmin


class ReadOnlyAdmin(RecordAdmin):
    """The door to rows of the engine: scoped and audited like a record's, without a form.

    ``shown`` names what the page tells, as in ``list_display``; ``story`` adds what its template needs.
    """

    page_template = "admin/careops/readonly.html"
    shown: Sequence[str] = ()

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if object_id is None:
            raise PermissionDenied
        record = self.record_or_404(request, object_id)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        self.note_view(request, record)
        return TemplateResponse(request, self.page_template, self.page_context(request, record))

    def page_context(self, request: HttpRequest, record: Model) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": self.title_of(record),
            "opts": self.opts,
            "original": record,
            "has_view_permission": True,
            "media": self.media,
            "shown": list(self.described(record, self.shown)),
            **self.story(request, record),
        }

    def title_of(self, record: Model) -> str:
        """What the page is called: a reference, never a name or a finding."""
        return str(record)

    def story(self, request: HttpRequest, record: Model) -> dict[str, Any]:
        return {}

    def described(self, record: Model, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Label and value of each, as a list would show them."""
        for name in names:
            field, _attribute, value = lookup_field(name, record, self)
            shown = display_for_field(value, field, "–") if field is not None else value
            if isinstance(shown, bool):
                shown = _("yes") if shown else _("no")
            yield str(label_for_field(name, self.model, self)), "–" if shown in (None, "") else shown
