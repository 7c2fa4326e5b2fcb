"""The patient's visits: what is to come, what has been, and saying yes or no to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from careops.surfaces.portal import PortalView
from careops.surfaces.portal_home import Panel, Todo, panel_source, todo_source
from patients.models import Appointment
from patients.models.appointment import CancelForm

State = Appointment.State

#: What the patient reads for a state, and the badge's tone.
BADGES: dict[str, tuple[Any, str]] = {
    State.BOOKED: (gettext_lazy("Please confirm"), "wait"),
    State.CONFIRMED: (gettext_lazy("Confirmed"), "good"),
    State.CHECKED_IN: (gettext_lazy("You are here"), "good"),
    State.COMPLETED: (gettext_lazy("Completed"), "calm"),
    State.CANCELLED: (gettext_lazy("Cancelled"), "stop"),
    State.NO_SHOW: (gettext_lazy("Missed"), "stop"),
}
MOVED = (gettext_lazy("Moved to another time"), "calm")
BEGUN = (gettext_lazy("Has begun"), "calm")
OVER = (gettext_lazy("Over"), "calm")

#: States of a visit that is still to take place, or takes place now.
EXPECTED = (*Appointment.UPCOMING, State.CHECKED_IN)

#: How many visits the first page shows, and asks to be confirmed.
ON_HOME = 3


@dataclass(frozen=True, slots=True)
class Wording:
    """How a move is offered, asked and answered."""

    offer: Any
    title: Any
    says: Any
    button: Any
    done: Any
    grave: bool = False


class WhyForm(CancelForm):
    reason = forms.CharField(
        label=gettext_lazy("Would you like to tell us why? (optional)"),
        max_length=200,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


#: The moves a patient may make, of all that a visit has. Whatever else stands in an address is unknown here.
MOVES = {
    "confirm": Wording(
        offer=gettext_lazy("Confirm"),
        title=gettext_lazy("Confirm this visit?"),
        says=gettext_lazy("We will expect you then."),
        button=gettext_lazy("Yes, I will come"),
        done=gettext_lazy("Thank you: your visit on %(when)s is confirmed."),
    ),
    "cancel": Wording(
        offer=gettext_lazy("Cancel visit"),
        title=gettext_lazy("Cancel this visit?"),
        says=gettext_lazy("We will give the time to somebody else and offer you another one."),
        button=gettext_lazy("Cancel the visit"),
        done=gettext_lazy("Your visit on %(when)s is cancelled. Thank you for telling us."),
        grave=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A visit as the portal shows it."""

    visit: Appointment
    label: Any
    tone: str
    moves: Sequence[tuple[str, Wording]] = ()

    @property
    def at_clinic(self) -> str:
        """When it begins by the clinic's clock: its day, too, where that is another. "" where both clocks agree."""
        here = timezone.localtime(self.visit.starts_at)
        there = timezone.localtime(here, ZoneInfo(self.visit.clinic.timezone))
        if there.utcoffset() == here.utcoffset():
            return ""
        time = date_format(there, "TIME_FORMAT")
        return time if there.date() == here.date() else f"{date_format(there, 'l, F j')}, {time}"


def visits(page: PortalView) -> QuerySet[Appointment]:
    """The patient's own, with what a card shows of others."""
    return page.records(Appointment.objects.select_related("practitioner", "clinic", "successor"))


def expected(page: PortalView) -> QuerySet[Appointment]:
    """Not over, and neither cancelled nor missed; the next one first."""
    ahead = visits(page).filter(ends_at__gt=page.now, state__in=EXPECTED)
    return ahead.order_by("starts_at", "id")


def as_card(page: PortalView, visit: Appointment) -> Card:
    label, tone = BADGES[visit.state]
    if hasattr(visit, "successor"):
        label, tone = MOVED
    elif visit.ends_at <= page.now and visit.state in EXPECTED:
        label, tone = OVER
    elif visit.starts_at <= page.now and visit.state == State.BOOKED:
        label, tone = BEGUN
    return Card(visit, label, tone, tuple(_moves(page, visit)))


def _moves(page: PortalView, visit: Appointment) -> Iterator[tuple[str, Wording]]:
    """What the patient may still do about it: nothing once it began."""
    if visit.starts_at > page.now:
        yield from ((move.name, MOVES[move.name]) for move in page.offered(visit, tuple(MOVES)))


def when(visit: Appointment) -> str:
    """Tuesday, March 10, at 2 p.m.: by the patient's clock."""
    local = timezone.localtime(visit.starts_at)
    return _("%(day)s, at %(time)s") % {
        "day": date_format(local, "l, F j"),
        "time": date_format(local, "TIME_FORMAT"),
    }


# ── The first page ────────────────────────────────────────────────────────────────────────────────────────
@todo_source
def to_confirm(page: PortalView) -> Iterator[Todo]:
    waiting = expected(page).filter(state=State.BOOKED, starts_at__gt=page.now)
    for visit in page.listed(waiting[:ON_HOME]):
        yield Todo(
            title=_("Confirm your visit on %(when)s") % {"when": when(visit)},
            why=_("So that we keep the time free for you."),
            action=_("Confirm"),
            url=reverse("portal:visit", args=[visit.pk]),
            act_url=reverse("portal:visit_move", args=[visit.pk, "confirm"]),
            due=visit.starts_at,
        )


@panel_source
def coming_up(page: PortalView) -> Panel:
    return Panel(
        title=_("Your next visits"),
        template="portal/patients/coming_up.html",
        rows=[as_card(page, visit) for visit in page.listed(expected(page)[:ON_HOME])],
        url=reverse("portal:visits"),
        more=_("All visits"),
        place=10,
    )


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────────
class VisitsView(PortalView):
    """What is to come."""

    section = "visits"
    needs = "patients.view_appointment"
    template_name = "portal/patients/visits.html"
    past = False

    def rows(self) -> QuerySet[Appointment]:
        return expected(self)

    def get(self, request: HttpRequest) -> HttpResponse:
        page = self.page_of(self.rows())
        return self.show(page=page, cards=[as_card(self, visit) for visit in page], past=self.past)


class PastVisitsView(VisitsView):
    """What has been, and what will not take place; the latest first."""

    past = True

    def rows(self) -> QuerySet[Appointment]:
        gone = Q(ends_at__lte=self.now) | Q(state__in=[State.COMPLETED, State.CANCELLED, State.NO_SHOW])
        return visits(self).filter(gone).order_by("-starts_at", "-id")


class VisitView(PortalView):
    section = "visits"
    needs = "patients.view_appointment"
    template_name = "portal/patients/visit.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        visit = self.record_or_404(visits(self), pk)
        return self.show(visit=visit, card=as_card(self, visit))


class VisitMoveView(PortalView):
    """GET asks, POST acts."""

    section = "visits"
    needs = "patients.view_appointment"
    template_name = "portal/patients/visit_move.html"

    def get(self, request: HttpRequest, pk: UUID, move: str) -> HttpResponse:
        visit, wording = self._asked(pk, move)
        if (move, wording) not in as_card(self, visit).moves:
            return self._too_late(visit, move)
        return self._ask(visit, move, self._form(visit, move))

    def post(self, request: HttpRequest, pk: UUID, move: str) -> HttpResponse:
        visit, wording = self._asked(pk, move)
        if (move, wording) not in as_card(self, visit).moves:
            return self._too_late(visit, move)
        form = self._form(visit, move)
        if not form.is_valid():
            return self._ask(visit, move, form)
        if self.perform(visit, move, **form.cleaned_data):
            self._say_done(visit, move)
        return self.back(self._url(visit))

    def _asked(self, pk: UUID, move: str) -> tuple[Appointment, Wording]:
        if move not in MOVES:
            raise Http404
        return self.record_or_404(visits(self), pk), MOVES[move]

    def _form(self, visit: Appointment, move: str) -> forms.Form:
        form_class = WhyForm if visit.move(move).arguments else forms.Form
        return form_class(self.request.POST if self.request.method == "POST" else None)

    def _ask(self, visit: Appointment, move: str, form: forms.Form) -> HttpResponse:
        return self.show(
            visit=visit, card=as_card(self, visit), wording=MOVES[move], form=form, url=self._url(visit)
        )

    def _too_late(self, visit: Appointment, move: str) -> HttpResponse:
        """A confirmation that is sent twice has done what it was sent for."""
        if move == "confirm" and visit.state == State.CONFIRMED:
            self._say_done(visit, move)
        else:
            self.say_it_changed()
        return self.back(self._url(visit))

    def _say_done(self, visit: Appointment, move: str) -> None:
        messages.success(self.request, MOVES[move].done % {"when": when(visit)})

    def _url(self, visit: Appointment) -> str:
        return reverse("portal:visit", args=[visit.pk])
