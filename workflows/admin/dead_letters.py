"""Dead letters: everything the engine gave up on, in one place, to be set going again one by one or together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from careops.surfaces.timeline import Link
from workflows.admin.links import page_of
from workflows.admin.operations import MOST, OPERATIONS, Button, buttons, operate_many, rows_in_scope
from workflows.admin.story import label_of
from workflows.models import Delivery, InboundMessage, QueueState, StepRun

DEAD = (QueueState.FAILED, QueueState.HELD)
#: How many of each kind the page shows; what is retried makes room for the next ones.
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Letter:
    """One piece of work that nobody carries on with. ``choice`` names the retry, for the check box."""

    row: Model
    title: str
    page: Link
    about: Link | None
    at: datetime | None
    state: str
    held: bool
    code: str
    error: str
    buttons: Sequence[Button]
    choice: str


@dataclass(frozen=True, slots=True)
class Pile:
    title: Any
    model: type[Model]
    letters: Sequence[Letter]
    number: int


def piles(request: HttpRequest) -> Iterator[Pile]:
    """One pile per kind that this person may see, in a number of queries that does not depend on how many there are."""
    if request.user.has_perm("workflows.view_run"):
        yield _pile(request, gettext_lazy("Steps"), StepRun, _step, "run__automation")
    if request.user.has_perm("workflows.view_delivery"):
        yield _pile(request, gettext_lazy("Deliveries"), Delivery, _delivery, "endpoint")
    if request.user.has_perm("workflows.view_inboundmessage"):
        yield _pile(request, gettext_lazy("Messages from outside"), InboundMessage, _message)


def _pile(request: HttpRequest, title: Any, model: type[Model], read: Any, *related: str) -> Pile:
    rows = rows_in_scope(request, model).filter(state__in=DEAD)
    found = rows.select_related(*related) if related else rows
    letters = [read(request, row) for row in found.order_by("-finished_at")[:SHOWN]]
    return Pile(title, model, letters, rows.count() if len(letters) == SHOWN else len(letters))


def _letter(request: HttpRequest, row: Any, names: Sequence[str], **fields: Any) -> Letter:
    offered = buttons(request, row, *names)
    # Whether a held message went out is found out one by one: sending many of them again would write to people twice.
    can_choose = row.state != QueueState.HELD and request.user.has_perm(OPERATIONS[names[0]].needs)
    return Letter(
        row=row,
        at=row.finished_at,
        state=row.get_state_display(),
        held=row.state == QueueState.HELD,
        code=row.error_code,
        error=row.error,
        buttons=offered,
        choice=f"{names[0]}:{row.pk}" if can_choose else "",
        **fields,
    )


def _step(request: HttpRequest, row: StepRun) -> Letter:
    run = row.run
    whose = run.automation.name if run.automation else _("built in")
    return _letter(
        request, row, ["retry_step", "skip_step"] if run.version_id else ["retry_step"],
        title=f"{whose}: {label_of(row.action)}",
        page=page_of(request, "workflows.Run", run.pk, str(run)),
        about=page_of(request, run.subject_type, run.subject_id),
    )  # fmt: skip


def _delivery(request: HttpRequest, row: Delivery) -> Letter:
    held = row.state == QueueState.HELD
    return _letter(
        request, row, ["send_again", "was_sent", "was_not_sent"] if held else ["send_again"],
        title=row.endpoint.name if row.endpoint else row.channel,
        page=page_of(request, "workflows.Delivery", row.pk, str(row)),
        about=page_of(request, row.subject_type, row.subject_id),
    )  # fmt: skip


def _message(request: HttpRequest, row: InboundMessage) -> Letter:
    return _letter(
        request, row, ["read_again"], title=row.source,
        page=page_of(request, "workflows.InboundMessage", row.pk, str(row)), about=None,
    )  # fmt: skip


# ── The page ──────────────────────────────────────────────────────────────────────────────────────────────
@require_http_methods(["GET", "POST"])
def dead_letters_view(request: HttpRequest) -> HttpResponse:
    """GET shows them, POST sets the chosen ones going again."""
    found = list(piles(request))
    if not found:
        raise PermissionDenied
    if request.method == "POST":
        return _set_going(request)
    for pile in found:
        if pile.letters:
            ids = [letter.row.pk for letter in pile.letters]
            audit(AuditEntry.Act.LIST, Actor.of(request.user), pile.model, ids)
    context = {
        **admin.site.each_context(request),
        "title": _("Dead letters"),
        "piles": found,
        "empty": not any(pile.letters for pile in found),
        "most": MOST,
    }
    return TemplateResponse(request, "admin/workflows/dead_letters.html", context)


def _set_going(request: HttpRequest) -> HttpResponse:
    chosen = [tuple(choice.split(":", 1)) for choice in request.POST.getlist("chosen") if ":" in choice]
    if len(chosen) > MOST:
        messages.error(request, _("Choose at most %(most)s at a time.") % {"most": MOST})
    elif not chosen:
        messages.warning(request, _("Nothing was chosen."))
    else:
        operate_many(
            request, [one for one in chosen if one[0] in RETRIES], request.POST.get("reason", "").strip()
        )
    return HttpResponseRedirect(reverse("admin:workflows_dead_letters"))


#: What may be done to many at once.
RETRIES = frozenset({"retry_step", "send_again", "read_again"})
