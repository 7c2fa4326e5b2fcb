"""Orders over the API. Lines stand as they were ordered; everything else about the way is a move."""

from __future__ import annotations

from typing import Any

from careops.access.actor import ActorKind
from careops.surfaces.api import (
    Creates,
    Edits,
    MachineViewSet,
    Moment,
    PartSerializer,
    RecordFilters,
    RecordSerializer,
    ReferenceFilter,
    Text,
    choice_filter,
    state_filter,
)
from orders.models import Order, OrderLine


class OrderLineSerializer(PartSerializer):
    class Meta:
        model = OrderLine
        fields = ("id", "name", "quantity", "unit_price_cents")
        extra_kwargs = {"quantity": {"min_value": 1}}


class OrderSerializer(RecordSerializer):
    lines = OrderLineSerializer(many=True, min_length=1, max_length=100)

    class Meta:
        model = Order
        fields = (
            "id", "version", "number", "state", "state_entered_at", "patient", "source", "lines", "ship_name",
            "ship_line1", "ship_line2", "ship_city", "ship_region", "ship_postal_code", "ship_country", "ship_phone",
            "carrier", "tracking_number", "cancel_reason", "notes", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("source",)
        fixed_fields = ("patient", "lines")
        example = {
            "patient": "019abcde-0000-7000-8000-000000000001",
            "lines": [{"name": "Tretinoin 0.05 % cream", "quantity": 1, "unit_price_cents": 4900}],
            "ship_name": "A. Recipient",
            "ship_line1": "12 Harbor Street",
            "ship_city": "Portland",
            "ship_region": "ME",
            "ship_postal_code": "04101",
        }

    def create(self, validated_data: dict[str, Any]) -> Any:
        """The order and its lines, in the request's one transaction."""
        lines = validated_data.pop("lines")
        order = super().create({**validated_data, "source": self._came_by()})
        OrderLine.create_many([OrderLine(order=order, **line) for line in lines])
        return order

    def _came_by(self) -> str:
        by_program = self.context["view"].actor.kind is ActorKind.INTEGRATOR
        return Order.Source.INTEGRATION if by_program else Order.Source.STAFF


class OrderFilters(RecordFilters):
    state = state_filter(Order)
    source = choice_filter(Order, "source")
    number = Text(field_name="number")
    patient = ReferenceFilter(field_name="patient")
    created_from = Moment(field_name="created_at", lookup_expr="gte")
    created_before = Moment(field_name="created_at", lookup_expr="lt")


class OrderViewSet(Creates, Edits, MachineViewSet):
    """Something a patient ordered, and how far it has come."""

    queryset = Order.objects.prefetch_related("lines")
    serializer_class = OrderSerializer
    filterset_class = OrderFilters
    ordering = ("-created_at", "-id")
    parts = ("lines",)
