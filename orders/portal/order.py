"""The patient's orders: what is under way and how far it has come, what was sent, what was called off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from careops.lib.money import format_cents
from careops.surfaces.portal import PortalView
from careops.surfaces.portal_home import Panel, Todo, panel_source, todo_source
from orders.models import Order, OrderLine
from orders.portal.progress import Progress, progress
from orders.states import OPEN, OrderState
from workflows.catalogue.history import states_entered

#: How many orders the first page shows.
ON_HOME = 3

#: Where it is the patient's turn: what to do, and why. Settled on the telephone.
THEIR_TURN: dict[str, tuple[Any, Any]] = {
    OrderState.AWAITING_PAYMENT: (
        gettext_lazy("Settle the payment of order %(number)s"),
        gettext_lazy("The payment did not go through, so the order waits."),
    ),
    OrderState.AWAITING_REQUIREMENTS: (
        gettext_lazy("Send us what order %(number)s needs"),
        gettext_lazy("Something is missing that only you can give us, so the order waits."),
    ),
}


@dataclass(frozen=True, slots=True)
class Card:
    """An order as the portal shows it. The clinic's notes and its reasons are the clinic's own."""

    order: Order
    progress: Progress

    @property
    def lines(self) -> Sequence[OrderLine]:
        return self.order.lines.all()

    @property
    def what(self) -> str:
        """The first product, and how many more there are."""
        first, *more = [line.name for line in self.lines] or [_("Nothing yet")]
        if not more:
            return first
        others = ngettext("%(number)s more", "%(number)s more", len(more)) % {"number": len(more)}
        return _("%(first)s and %(others)s") % {"first": first, "others": others}

    @property
    def total(self) -> str:
        return format_cents(sum(line.total_cents for line in self.lines))


def orders(page: PortalView) -> QuerySet[Order]:
    return page.records(Order.objects.prefetch_related("lines")).order_by("-created_at", "-id")


def as_cards(found: Sequence[Order]) -> list[Card]:
    entered = states_entered(found)
    return [Card(order, progress(order, entered[order.pk])) for order in found]


# ── The first page ────────────────────────────────────────────────────────────────────────────────────────
@todo_source
def their_turn(page: PortalView) -> Iterator[Todo]:
    for order in page.listed(page.records(Order.objects.filter(state__in=list(THEIR_TURN)))[:ON_HOME]):
        title, why = THEIR_TURN[order.state]
        yield Todo(
            title=title % {"number": order.number},
            why=str(why),
            action=_("See how"),
            url=reverse("portal:order", args=[order.pk]),
        )


@panel_source
def under_way(page: PortalView) -> Panel:
    return Panel(
        title=_("Orders under way"),
        template="portal/orders/under_way.html",
        rows=as_cards(page.listed(orders(page).filter(state__in=OPEN)[:ON_HOME])),
        url=reverse("portal:orders"),
        more=_("All orders"),
        place=20,
    )


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────────
class OrdersView(PortalView):
    section = "orders"
    needs = "orders.view_order"
    template_name = "portal/orders/orders.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        page = self.page_of(orders(self))
        return self.show(page=page, cards=as_cards(page.object_list))


class OrderView(PortalView):
    section = "orders"
    needs = "orders.view_order"
    template_name = "portal/orders/order.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        order = self.record_or_404(orders(self), pk)
        (card,) = as_cards([order])
        prices = [(line, format_cents(line.total_cents)) for line in card.lines]
        return self.show(order=order, card=card, prices=prices, their_turn=order.state in THEIR_TURN)
