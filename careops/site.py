"""The staff's home page: what needs somebody today, and whether the machinery is well.

Each number is counted only for those who may see what it counts, leads to the list behind it, and costs one query
however much there is to count.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.db.models import Count, Min, Model, Q
from django.db.models.functions import TruncHour
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from careops.lib import clock
from careops.navigation import page_url
from careops.travel import LeapForm
from careops.views import drains_alive
from labs.modalities import open_statuses
from labs.models import LabOrder
from orders.models import Order
from orders.states import OPEN
from patients.models import Appointment, Message, Task
from workflows.models import Delivery, EventRecord, InboundMessage, QueueState, Run, StepRun
from workflows.models.event_batch import waiting

DAY = timedelta(days=1)
#: Work due for longer than this waits for a worker that does not come.
LATE = timedelta(seconds=60)
#: An order that stays in one status for longer than that is stuck; the list's own filter knows it by its days.
STUCK = timedelta(days=3)
#: Who may see which dead letters.
LETTERS: dict[str, type[Model]] = {
    "workflows.view_run": StepRun,
    "workflows.view_delivery": Delivery,
    "workflows.view_inboundmessage": InboundMessage,
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a drawn bar: how many it stands for, and where it is drawn, in per cent of the whole bar."""

    label: Any
    tone: str
    number: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Tile:
    """One number, what it counts, and the list behind it. ``parts`` are drawn as one bar."""

    label: Any
    number: int | str
    url: str
    tone: str = ""
    detail: str = ""
    parts: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """How many records are in a state, and since when the oldest of them waits there. ``parts`` are drawn as one bar."""

    label: Any
    tone: str
    number: int
    url: str
    since: str = ""
    parts: Sequence[Part] = ()


def environment(request: HttpRequest) -> list[str] | None:
    """The badge beside the title: that this is a demo, and what time it is there."""
    if not settings.DEMO:
        return None
    moment = date_format(timezone.localtime(clock.now()), "SHORT_DATETIME_FORMAT")
    return [_("Demo · %(moment)s") % {"moment": moment}, "warning"]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What templates/admin/index.html shows to this person."""
    now = timezone.localtime(clock.now())
    return {
        **context,
        "title": _("Home"),
        "day": now,
        "tiles": [*day_tiles(request, now), *machinery_tiles(request, now)],
        "orders": order_states(request, now),
        "labs": lab_states(request, now),
        "stuck_days": STUCK.days,
        "failing": failing_automations(request, now),
        "events": events_per_hour(request, now),
        "health": queue_health(request, now),
        "health_url": page_url("workflows_queue_health"),
        "travel": LeapForm() if settings.DEMO else None,
    }


def list_url(model: type[Model], **narrowed: Any) -> str:
    options = model._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return f"{url}?{urlencode(narrowed)}" if narrowed else url


def may_list(request: HttpRequest, model: type[Model]) -> bool:
    model_admin = admin.site._registry.get(model)
    return model_admin is not None and model_admin.has_view_or_change_permission(request)


# ── The clinic's day ──────────────────────────────────────────────────────────────────────────────────────
def day_tiles(request: HttpRequest, now: datetime) -> Iterator[Tile]:
    if may_list(request, Appointment):
        yield visits_today(now)
    if may_list(request, Order):
        yield stuck_orders(now)
    if may_list(request, Task):
        late = Task.objects.filter(state__in=["open", "in_progress"], due_at__lt=now).count()
        yield Tile(_("Overdue tasks"), late, list_url(Task, due="overdue"), "danger" if late else "success")
    if may_list(request, Message):
        unsure = Message.objects.filter(state__in=["failed", "outcome_unknown"]).count()
        url = list_url(Message, state__in="failed,outcome_unknown")
        yield Tile(_("Messages that did not go out"), unsure, url, "warning" if unsure else "success")


def visits_today(now: datetime) -> Tile:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Appointment.objects.filter(starts_at__gte=midnight, starts_at__lt=midnight + DAY).order_by()
    states = {state: label for state, label in Appointment.states().items() if state != "cancelled"}
    found = dict(rows.filter(state__in=states).values_list("state").annotate(number=Count("pk")))
    detail = ", ".join(f"{found[state]} {states[state]}" for state in states if state in found)
    colors = admin.site._registry[Appointment].state_colors
    bar = parts([(states[state], colors.get(state, ""), found[state]) for state in states if state in found])
    url = list_url(Appointment, when="today", state__in=",".join(states))
    return Tile(_("Visits today"), sum(found.values()), url, "primary", detail, bar)


def stuck_orders(now: datetime) -> Tile:
    stuck = Order.objects.filter(state__in=OPEN, state_entered_at__lt=now - STUCK).count()
    detail = _("over %(days)d days in one status") % {"days": STUCK.days}
    url = list_url(Order, stuck=STUCK.days)
    return Tile(_("Stuck orders"), stuck, url, "warning" if stuck else "success", detail)


def parts(pieces: Sequence[tuple[Any, str, int]], whole: int = 0) -> list[Part]:
    """The pieces of a bar that is ``whole`` long; 0: as long as all of them together."""
    per = 100 / max(whole or sum(number for _label, _tone, number in pieces), 1)
    drawn, start = [], 0
    for label, tone, number in pieces:
        if number:
            drawn.append(Part(label, tone, number, round(start * per, 2), round(number * per, 2)))
        start += number
    return drawn


def order_states(request: HttpRequest, now: datetime) -> Sequence[Row]:
    """Orders under way, the longest wait first: what is stuck stands on top."""
    if not may_list(request, Order):
        return []
    rows = Order.objects.filter(state__in=OPEN).order_by().values_list("state")
    stuck = Count("pk", filter=Q(state_entered_at__lt=now - STUCK))
    found = rows.annotate(number=Count("pk"), since=Min("state_entered_at"), stuck=stuck).order_by("since")
    return _rows(Order, found, now)


def lab_states(request: HttpRequest, now: datetime) -> Sequence[Row]:
    """Lab orders under way, by status."""
    if not may_list(request, LabOrder):
        return []
    rows = LabOrder.objects.filter(state__in=open_statuses()).order_by().values_list("state")
    stuck = Count("pk", filter=Q(created_at__lt=now - STUCK))
    found = rows.annotate(number=Count("pk"), since=Min("created_at"), stuck=stuck).order_by("since")
    return _rows(LabOrder, found, now)


def _rows(model: type[Any], found: Iterable[tuple[str, int, datetime, int]], now: datetime) -> list[Row]:
    """A row per state, its bar as long as its share of the fullest one, and in red what waits for too long."""
    found = list(found)
    most = max((number for _state, number, _since, _stuck in found), default=0)
    late = _("over %(days)d days") % {"days": STUCK.days}
    return [
        Row(
            capfirst(model.states()[state]),
            admin.site._registry[model].state_colors.get(state, ""),
            number,
            list_url(model, state__exact=state),
            timesince(since, now, depth=1),
            parts([(late, "danger", stuck), (_("shorter"), "primary", number - stuck)], most),
        )
        for state, number, since, stuck in found
    ]


# ── The machinery ─────────────────────────────────────────────────────────────────────────────────────────
def machinery_tiles(request: HttpRequest, now: datetime) -> Iterator[Tile]:
    if letters := [_dead(model) for needs, model in LETTERS.items() if request.user.has_perm(needs)]:
        found = sum(letters, Counter())
        number, detail = found.total(), ""
        if number:
            detail = _("%(failed)d failed, %(held)d of unknown outcome") % {"failed": 0, "held": 0, **found}
        url = page_url("workflows_dead_letters") or ""
        yield Tile(_("Dead letters"), number, url, "danger" if number else "success", detail)
    if may_list(request, InboundMessage):
        lost = InboundMessage.objects.filter(verdict=InboundMessage.Verdict.UNMATCHED).count()
        url = list_url(InboundMessage, verdict__exact="unmatched")
        yield Tile(_("Unmatched lab messages"), lost, url, "warning" if lost else "success")


def _dead(model: type[Model]) -> Counter[str]:
    """How many of these the engine gave up on, by the state they were left in."""
    rows = model._default_manager.filter(state__in=[QueueState.FAILED, QueueState.HELD]).order_by()
    return Counter(dict(rows.values_list("state").annotate(number=Count("pk"))))


def failing_automations(request: HttpRequest, now: datetime) -> Sequence[Row] | None:
    """Automations with runs that failed in the last day; None for those who may not see runs."""
    if not may_list(request, Run):
        return None
    rows = Run.objects.filter(state=Run.State.FAILED, finished_at__gte=now - DAY, automation__isnull=False)
    found = rows.order_by().values_list("automation_id", "automation__name").annotate(number=Count("pk"))
    narrowed = {"state__exact": Run.State.FAILED, "ended": DAY.days}
    return [
        Row(name, "danger", number, list_url(Run, automation__id__exact=pk, **narrowed))
        for pk, name, number in found.order_by("-number", "automation__name")[:8]
    ]


def queue_health(request: HttpRequest, now: datetime) -> Sequence[Tile]:
    """Is somebody working, and how long does work wait for them?"""
    if not request.user.has_perm("workflows.view_run"):
        return []
    drains = drains_alive()
    events, since = waiting()
    ages = [_longest_wait(model, now) for model in (StepRun, Delivery, InboundMessage)]
    oldest = max(*ages, now - since if since else timedelta(0))
    return [
        Tile(_("Workers"), drains, "", "success" if drains else "danger", _("drains with a sign of life")),
        Tile(
            _("Longest wait"),
            _seconds(oldest),
            "",
            "danger" if oldest > LATE else "success",
            _("of due work"),
        ),
        Tile(_("Events to hand out"), events, "", "warning" if events > 1000 else "success"),
    ]


def _longest_wait(model: type[Model], now: datetime) -> timedelta:
    rows = model._default_manager.filter(state=QueueState.DUE, due_at__lte=now)
    oldest = rows.aggregate(oldest=Min("due_at"))["oldest"]
    return now - oldest if oldest else timedelta(0)


def _seconds(wait: timedelta) -> str:
    seconds = int(wait.total_seconds())
    if seconds < 60:
        return _("%(seconds)d s") % {"seconds": seconds}
    return _("%(minutes)d min") % {"minutes": seconds // 60}


def events_per_hour(request: HttpRequest, now: datetime) -> Mapping[str, Any] | None:
    """The last 24 hours as a chart for the eye, and as a sentence for the ear."""
    if not may_list(request, EventRecord):
        return None
    hours = [
        (now - timedelta(hours=back)).replace(minute=0, second=0, microsecond=0) for back in range(23, -1, -1)
    ]
    # For a minute, because a busy day has a hundred thousand of them to count.
    key = f"events-per-hour:{hours[0]:%Y-%m-%dT%H}:{timezone.get_current_timezone_name()}"
    numbers = cache.get_or_set(key, lambda: _events_in(hours), 60) or []
    chart = {
        "labels": [date_format(hour, "TIME_FORMAT") for hour in hours],
        "datasets": [{"data": numbers, "backgroundColor": "var(--color-primary-600)", "barThickness": 8}],
    }
    return {
        "total": sum(numbers),
        "most": max(numbers, default=0),
        "chart": json.dumps(chart),
        "url": list_url(EventRecord),
    }


def _events_in(hours: Sequence[datetime]) -> list[int]:
    rows = EventRecord.objects.filter(recorded_at__gte=hours[0]).order_by()
    found = dict(
        rows.annotate(hour=TruncHour("recorded_at")).values_list("hour").annotate(number=Count("pk"))
    )
    return [found.get(hour, 0) for hour in hours]
