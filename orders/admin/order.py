"""Orders in the staff area: what waits for whom, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from careops.lib.clock import Now, now
from careops.lib.money import format_cents
from careops.surfaces.admin import MachineAdmin
from orders.facts import days_since
from orders.models import Order, OrderLine
from orders.models.order import total_cents
from orders.states import OPEN, UNPAID
from patients.admin.choosing import ChoosesPatient


class WaitingFilter(admin.SimpleListFilter):
    """The orders that are stuck: under way, and in their status for longer than that."""

    title = _("stuck")
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("for over a day")), ("3", _("for over 3 days")), ("7", _("for over a week"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.value()
        if days not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(state__in=OPEN, state_entered_at__lt=now() - timedelta(days=int(days)))


class LineInline(TabularInline):
    """The lines stand once the order is paid for. Who may change the order may change them before."""

    model = OrderLine
    fields = ("name", "quantity", "unit_price_cents", "total")
    readonly_fields = ("total",)
    extra = 0
    tab = False

    @display(description=_("total"))
    def total(self, line: OrderLine) -> str:
        return format_cents(line.total_cents) if line.unit_price_cents is not None else ""

    def has_view_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return request.user.has_perm("orders.view_order")

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return request.user.has_perm("orders.change_order") and (obj is None or obj.state in UNPAID)

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return self.has_change_permission(request, obj)


@admin.register(Order)
class OrderAdmin(ChoosesPatient, MachineAdmin):
    state_colors = {
        "pending": "info",
        "awaiting_payment": "warning",
        "processing": "info",
        "awaiting_requirements": "warning",
        "awaiting_requisition": "warning",
        "awaiting_results": "primary",
        "awaiting_script": "warning",
        "awaiting_fulfillment": "primary",
        "awaiting_shipment": "primary",
        "shipped": "success",
        "cancelled": "danger",
    }
    list_display = (
        "number",
        "patient_name",
        "state_badge",
        "days_in_state",
        "total",
        "source",
        "tracking_number",
        "created_at",
    )
    list_filter = ("state", WaitingFilter, "source", ("created_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("patient",)
    search_fields = ("number",)
    search_help_text = _(
        "An order's number (O-10023), or the beginning of the patient's name or record number"
    )
    autocomplete_fields = ("patient",)
    readonly_fields = ("number", "state_entered_at", "total", "cancel_reason", "created_at")
    inlines = (LineInline,)
    fieldsets = (
        (None, {"fields": (("number", "patient"), ("source", "total"), ("created_at", "state_entered_at"))}),
        (_("Delivery"), {"fields": (
            "ship_name", "ship_line1", "ship_line2", ("ship_city", "ship_region"),
            ("ship_postal_code", "ship_country"), "ship_phone", ("carrier", "tracking_number"),
        )}),
        (_("Notes"), {"fields": ("notes", "cancel_reason")}),
    )  # fmt: skip

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().scope(request).annotate(at=Now())
        return rows.annotate(cents=total_cents(), waited=days_since("state_entered_at"))

    def by_number(self, term: str) -> Q | None:
        return Q(number=term.upper()) if term.upper().startswith("O-") else None

    def get_readonly_fields(self, request: HttpRequest, obj: Order | None = None) -> list[str]:
        """An order does not go over to another patient."""
        return [*super().get_readonly_fields(request, obj), *(["patient"] if obj else [])]

    @display(description=_("days in status"), ordering="state_entered_at")
    def days_in_state(self, order: Order) -> int | str:
        """For how long it has waited; an order that ended waits no more."""
        return order.waited if order.state in OPEN else ""

    @display(description=_("total"), ordering="cents")
    def total(self, order: Order) -> str:
        return format_cents(getattr(order, "cents", 0))
