"""Deliveries in the staff area: everything on its way out, with each attempt."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from careops.lib.lists import badge
from careops.surfaces.links import link_to
from careops.surfaces.readonly import ReadOnlyAdmin
from workflows.admin.operations import buttons
from workflows.admin.run import linked
from workflows.admin.timeline import TONES
from workflows.models import Delivery, QueueState

#: What can be done about a delivery in that state.
POSSIBLE = {
    QueueState.FAILED: ("send_again",),
    QueueState.HELD: ("send_again", "was_sent", "was_not_sent"),
    QueueState.DONE: ("send_again",),
}


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    patient_path = ""
    page_template = "admin/workflows/delivery.html"
    list_display = ("__str__", "channel", "endpoint", "about", "state_label", "status", "attempts", "due_at")
    list_filter = ("state", "channel", "endpoint", ("created_at", RangeDateFilter))
    list_filter_submit = True
    list_select_related = ("endpoint",)
    shown = (
        "channel", "endpoint", "about", "event_link", "run_link", "uid", "status", "attempts", "created_at", "due_at",
        "finished_at",
    )  # fmt: skip

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        return Delivery.objects.select_related("endpoint", "event", "step")

    @display(description=_("state"), ordering="state")
    def state_label(self, delivery: Delivery) -> SafeString:
        return badge(delivery.get_state_display(), TONES.get(delivery.state, "info"))

    @display(description=_("about"))
    def about(self, delivery: Delivery) -> Any:
        return linked(link_to(delivery.subject_type, delivery.subject_id))

    @display(description=_("event"))
    def event_link(self, delivery: Delivery) -> Any:
        event = delivery.event
        return linked(link_to("workflows.EventRecord", event.pk, event.name)) if event else None

    @display(description=_("asked for by"))
    def run_link(self, delivery: Delivery) -> Any:
        step = delivery.step
        return linked(link_to("workflows.Run", step.run_id, str(step))) if step else None

    def story(self, request: HttpRequest, record: Delivery) -> dict[str, Any]:
        return {
            "state": self.state_label(record),
            "body": json.dumps(record.body, indent=2, ensure_ascii=False) if record.body else "",
            "outcome": json.dumps(record.result, indent=2, ensure_ascii=False) if record.result else "",
            "operations": buttons(request, record, *POSSIBLE.get(record.state, ())),
        }
