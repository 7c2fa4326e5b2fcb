"""The sidebar of the staff area: the clinic's day first, the machinery last. People see what they may open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Page:
    """One entry: the list of a model ("app.model"), narrowed by ``query``, or the page of that URL name.

    ``needs`` lists permissions of which one will do; a list asks its own admin.
    """

    title: Any
    icon: str
    model: str = ""
    query: str = ""
    name: str = ""
    needs: tuple[str, ...] = ()

    def as_item(self, request: HttpRequest) -> dict[str, Any] | None:
        """What Unfold draws, or None for a page this person may not open."""
        if self.needs and not any(request.user.has_perm(permission) for permission in self.needs):
            return None
        url = _list_url(request, self.model) if self.model else page_url(self.name)
        if url is None:
            return None
        active = request.path == url or (self.model and not self.query and request.path.startswith(url))
        item = {
            "title": self.title,
            "icon": self.icon,
            "link": url + (f"?{self.query}" if self.query else ""),
        }
        return {**item, "active": bool(active) and _shows(request, self.query)}


def _list_url(request: HttpRequest, label: str) -> str | None:
    model_admin = admin.site._registry.get(apps.get_model(label))
    if model_admin is None or not model_admin.has_view_or_change_permission(request):
        return None
    return page_url(f"{label.replace('.', '_')}_changelist")


@cache
def page_url(name: str) -> str | None:
    """The address of an admin page that is no list of a model; None where nobody has it."""
    try:
        return reverse(f"admin:{name}")
    except NoReverseMatch:
        return None


def _shows(request: HttpRequest, query: str) -> bool:
    """Of two entries for one list, the one whose narrowing is in force is the active one."""
    here = request.META.get("QUERY_STRING", "")
    return query in here if query else True


GROUPS: tuple[tuple[Any, tuple[Page, ...]], ...] = (
    (_("Today"), (
        Page(_("Home"), "home", name="index"),
        Page(_("Appointments"), "event", "patients.appointment"),
        Page(_("Tasks"), "checklist", "patients.task"),
        Page(_("Messages"), "mail", "patients.message"),
        Page(_("Notifications"), "notifications", "patients.notification"),
    )),
    (_("People"), (
        Page(_("Patients"), "personal_injury", "patients.patient"),
        Page(_("Practitioners"), "stethoscope", "patients.practitioner"),
        Page(_("Care teams"), "groups", "patients.careteam"),
        Page(_("Clinics"), "home_health", "patients.clinic"),
    )),
    (_("Labs"), (
        Page(_("Lab orders"), "labs", "labs.laborder"),
        Page(_("Requisitions"), "receipt_long", "labs.requisition"),
        Page(_("Reports"), "lab_profile", "labs.report"),
        Page(_("Tests"), "biotech", "labs.labtest"),
    )),
    (_("Orders"), (
        Page(_("Orders"), "shopping_bag", "orders.order"),
    )),
    (_("Automations"), (
        Page(_("Automations"), "bolt", "workflows.automation"),
        Page(_("Runs"), "play_circle", "workflows.run"),
        Page(_("Non-runs"), "do_not_disturb_on", "workflows.nonmatch"),
        Page(_("Dead letters"), "mark_email_unread", name="workflows_dead_letters",
             needs=("workflows.view_run", "workflows.view_delivery", "workflows.view_inboundmessage")),
        Page(_("Deliveries"), "outbox", "workflows.delivery"),
        Page(_("Events"), "sensors", "workflows.eventrecord"),
        Page(_("Webhook endpoints"), "webhook", "workflows.endpoint"),
        Page(_("Unmatched messages"), "move_to_inbox", "workflows.inboundmessage", "verdict__exact=unmatched"),
        Page(_("Queue health"), "monitor_heart", name="workflows_queue_health", needs=("workflows.view_run",)),
    )),
    (_("Access"), (
        Page(_("Users"), "person", "access.user"),
        Page(_("Roles"), "badge", "auth.group"),
        Page(_("API keys"), "key", "access.apikey"),
        Page(_("Audit trail"), "policy", "access.auditentry"),
    )),
)  # fmt: skip


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar for whoever asks; a group of which they may open nothing is left out."""
    return list(_groups(request))


def _groups(request: HttpRequest) -> Iterator[dict[str, Any]]:
    for title, pages in GROUPS:
        items = [item for page in pages if (item := page.as_item(request))]
        if items:
            yield {"title": title, "items": items}
