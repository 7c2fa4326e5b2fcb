"""Published versions in the staff area: what went live, word for word. Nobody changes them."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from careops.access.actor import Actor
from careops.surfaces.links import link_to
from careops.surfaces.readonly import ReadOnlyAdmin
from workflows.admin.readback import granted
from workflows.admin.run import linked
from workflows.models import AutomationVersion


@admin.register(AutomationVersion)
class AutomationVersionAdmin(ReadOnlyAdmin):
    page_template = "admin/workflows/version.html"
    list_display = ("automation", "__str__", "is_live", "published_at", "published_by")
    list_filter = ("automation",)
    shown = ("automation_link", "is_live", "published_at", "published_by")
    ordering = ("-published_at",)

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        return AutomationVersion.objects.select_related("automation", "published_by")

    @display(description=_("live"), boolean=True)
    def is_live(self, version: AutomationVersion) -> bool:
        return version.automation.live_id == version.pk

    @display(description=_("automation"))
    def automation_link(self, version: AutomationVersion) -> Any:
        return linked(link_to("workflows.Automation", version.automation_id, version.automation.name))

    def title_of(self, record: AutomationVersion) -> str:
        return f"{record.automation}: {record}"

    def story(self, request: HttpRequest, record: AutomationVersion) -> dict[str, Any]:
        return {
            "lines": record.sentence.splitlines(),
            "granted": granted(frozenset(record.permissions), Actor.of(request.user)),
            "definition": json.dumps(record.definition, indent=2, ensure_ascii=False),
            "runs_url": f"{reverse('admin:workflows_run_changelist')}?automation__id__exact={record.automation_id}",
        }
