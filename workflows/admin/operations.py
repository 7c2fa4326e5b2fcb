"""Buttons that mend stuck work: each is a POST with a reason, permitted and audited by workflows.engine.operate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from careops.access.actor import Actor
from workflows.engine import operate
from workflows.models import Delivery, InboundMessage, Run, StepRun

#: How many rows one click may move.
MOST = 200


@dataclass(frozen=True, slots=True)
class Operation:
    """``does`` is called with the row, by whom, and why."""

    label: Any
    needs: str
    model: type[Model]
    does: Callable[[Any, Actor, str], object]
    said: Any
    tone: str = ""


OPERATIONS: dict[str, Operation] = {
    "cancel_run": Operation(
        gettext_lazy("Cancel the run"), "workflows.cancel_run", Run,
        lambda row, by, reason: operate.cancel_run(row, by=by, reason=reason),
        gettext_lazy("The run is cancelled."), "danger",
    ),
    "retry_step": Operation(
        gettext_lazy("Retry"), "workflows.retry_steprun", StepRun,
        lambda row, by, reason: operate.retry_step(row, by=by, reason=reason),
        gettext_lazy("The step is due again."), "main",
    ),
    "skip_step": Operation(
        gettext_lazy("Skip"), "workflows.skip_steprun", StepRun,
        lambda row, by, reason: operate.skip_step(row, by=by, reason=reason),
        gettext_lazy("The step is skipped."),
    ),
    "send_again": Operation(
        gettext_lazy("Send again"), "workflows.replay_delivery", Delivery,
        lambda row, by, reason: operate.send_again(row, by=by, reason=reason),
        gettext_lazy("The delivery is due again, under the same id."), "main",
    ),
    "was_sent": Operation(
        gettext_lazy("It was sent"), "workflows.settle_delivery", Delivery,
        lambda row, by, reason: operate.settle_delivery(row, sent=True, by=by, reason=reason),
        gettext_lazy("Noted: it was sent."),
    ),
    "was_not_sent": Operation(
        gettext_lazy("It was not"), "workflows.settle_delivery", Delivery,
        lambda row, by, reason: operate.settle_delivery(row, sent=False, by=by, reason=reason),
        gettext_lazy("Noted: it was not sent."),
    ),
    "read_again": Operation(
        gettext_lazy("Read again"), "workflows.resolve_inboundmessage", InboundMessage,
        lambda row, by, reason: operate.read_again(row, by=by, reason=reason),
        gettext_lazy("The message will be read again."), "main",
    ),
    "dismiss": Operation(
        gettext_lazy("Dismiss"), "workflows.resolve_inboundmessage", InboundMessage,
        lambda row, by, reason: operate.dismiss_message(row, by=by, reason=reason),
        gettext_lazy("The message is dismissed."), "danger",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Button:
    """One operation on one row, as a page offers it."""

    label: Any
    url: str
    tone: str


def buttons(request: HttpRequest, row: Model, *names: str) -> list[Button]:
    """Those of the operations that this person may do."""
    return [
        Button(one.label, reverse("admin:workflows_operate", args=[name, row.pk]), one.tone)
        for name in names
        if request.user.has_perm((one := OPERATIONS[name]).needs)
    ]


def rows_in_scope(request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
    """The rows this person may meet."""
    return admin.site._registry[model].get_queryset(request)


@require_POST
def operate_view(request: HttpRequest, name: str, pk: str) -> HttpResponse:
    """Unknown or out of scope: 404. Not permitted: 403. Not possible any more: a message."""
    operation = OPERATIONS.get(name)
    if operation is None:
        raise Http404
    if not request.user.has_perm(operation.needs):
        raise PermissionDenied
    row = rows_in_scope(request, operation.model).filter(pk=operation.model._meta.pk.to_python(pk)).first()
    if row is None:
        raise Http404
    try:
        operation.does(row, Actor.of(request.user), request.POST.get("reason", "").strip())
    except operate.NotPossible as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, str(operation.said))
    return HttpResponseRedirect(back(request))


def back(request: HttpRequest) -> str:
    """Where the button stood; home for an address that is not ours."""
    there = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(there, {request.get_host()}, require_https=request.is_secure())
    return there if there and is_ours else reverse("admin:index")


def operate_many(request: HttpRequest, chosen: list[tuple[str, str]], reason: str) -> None:
    """Try each; those that are not possible any more are counted, the others go ahead."""
    by = Actor.of(request.user)
    done = refused = 0
    for name, pk in chosen[:MOST]:
        operation = OPERATIONS[name]
        if not request.user.has_perm(operation.needs):
            raise PermissionDenied
        row = rows_in_scope(request, operation.model).filter(pk=pk).first()
        try:
            if row is not None:
                operation.does(row, by, reason)
                done += 1
        except operate.NotPossible:
            refused += 1
    messages.success(request, _("%(number)s set going again.") % {"number": done})
    if refused:
        messages.warning(request, _("%(number)s had moved on meanwhile.") % {"number": refused})
