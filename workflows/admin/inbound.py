"""Messages from outside in the staff area: what came, what became of it, and saying which record it means."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from careops.lib.lists import badge
from careops.surfaces.readonly import ReadOnlyAdmin
from workflows.admin.links import page_of
from workflows.admin.operations import buttons
from workflows.catalogue import inbound_sources
from workflows.engine.operate import NotPossible, match_message
from workflows.models import InboundMessage, QueueState

Verdict = InboundMessage.Verdict
COLORS: dict[str, str] = {
    Verdict.PENDING: "info", Verdict.APPLIED: "success", Verdict.UNMATCHED: "warning", Verdict.MALFORMED: "danger",
    Verdict.DISMISSED: "",
}  # fmt: skip
#: How many records the page offers to match a message to.
OFFERED = 50


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    """The body is opened only on a page of its own, and that is written down."""

    page_template = "admin/workflows/inbound.html"
    list_display = ("__str__", "verdict_label", "reference", "state", "created_at")
    list_filter = ("verdict", "source", "state", ("created_at", RangeDateFilter))
    list_filter_submit = True
    search_fields = ("=reference", "=message_id")
    shown = ("source", "reference", "message_id", "created_at", "finished_at", "attempts")

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        return InboundMessage.objects.defer("body")

    @display(description=_("verdict"), ordering="verdict")
    def verdict_label(self, message: InboundMessage) -> SafeString:
        return badge(message.get_verdict_display(), COLORS[message.verdict])

    # ── The page ─────────────────────────────────────────────────────────────────────────────────────────
    def story(self, request: HttpRequest, record: InboundMessage) -> dict[str, Any]:
        names = []
        if record.verdict in (Verdict.UNMATCHED, Verdict.MALFORMED):
            names.append("dismiss")
        if record.state == QueueState.FAILED:
            names.append("read_again")
        return {
            "verdict": self.verdict_label(record),
            "operations": buttons(request, record, *names),
            "candidates": [
                (row, page_of(request, row._meta.label, row.pk, str(row)))
                for row in self._candidates(request, record)
            ],
            "may_match": request.user.has_perm("workflows.resolve_inboundmessage"),
            "match_url": self.url_of("match", record),
            "body_url": self.url_of("body", record),
            "outcome": list(record.outcome.items()),
        }

    def _candidates(self, request: HttpRequest, record: InboundMessage) -> list[Any]:
        """The records it may mean, newest first, as far as this person may meet them."""
        if record.verdict != Verdict.UNMATCHED or record.source not in inbound_sources:
            return []
        candidates = inbound_sources.get(record.source).candidates
        if candidates is None:
            return []
        rows = candidates(None)
        theirs = self.admin_site._registry.get(rows.model)
        return (
            list(rows.filter(pk__in=theirs.get_queryset(request).order_by().values("pk"))[:OFFERED])
            if theirs
            else []
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:object_id>/body/", view(require_GET(self.body_view)), name=self.url_name("body")),
            path("<uuid:object_id>/match/", view(require_POST(self.match_view)), name=self.url_name("match")),
            *super().get_urls(),
        ]

    def body_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The message as it came. It may hold findings, so every look is written down."""
        if not request.user.has_perm("workflows.view_inboundmessage"):
            raise PermissionDenied
        message: Any = self.record_or_404(request, str(object_id))
        audit(
            AuditEntry.Act.VIEW,
            Actor.of(request.user),
            InboundMessage,
            [message.pk],
            reason=_t("opened the body"),
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Body"),
            "subtitle": str(message),
            "opts": self.opts,
            "original": message,
            "body": pretty(message.body),
            "record_url": self.url_of("change", message),
        }
        return TemplateResponse(request, "admin/workflows/inbound_body.html", context)

    def match_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The chosen record is what the message, and its siblings, are about."""
        message: Any = self.record_or_404(request, str(object_id))
        offered = {str(row.pk): row for row in self._candidates(request, message)}
        chosen = offered.get(request.POST.get("record", ""))
        reason = request.POST.get("reason", "").strip()
        if chosen is None:
            self.message_user(request, _t("Choose the record that is meant."), messages.WARNING)
        else:
            try:
                match_message(message, chosen.pk, by=Actor.of(request.user), reason=reason)
            except NotPossible as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
            else:
                self.message_user(request, _t("Matched. The message is read again."), messages.SUCCESS)
        return HttpResponseRedirect(self.url_of("change", message))


def pretty(body: Any) -> str:
    """The body with line breaks where it is JSON, as it came where it is not."""
    text = body.reveal() if hasattr(body, "reveal") else body
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
