"""The first page: what the patient can do now, then what is coming up, under way and new."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from careops.surfaces.portal import PortalView
from careops.surfaces.portal_home import Todo, panels, todo_source, todos


@todo_source
def to_complete(page: PortalView) -> Iterator[Todo]:
    """What the clinic must know of everybody and does not know of this patient."""
    missing = [
        said
        for said, value in (
            (_("your phone number"), page.person.phone),
            (_("your date of birth"), page.person.birth_date),
        )
        if not value
    ]
    if missing:
        yield Todo(
            title=_("Complete your details"),
            why=_("We do not have %(what)s yet.") % {"what": _(" and ").join(missing)},
            action=_("Add it"),
            url=reverse("portal:details"),
        )


class HomeView(PortalView):
    section = "home"
    template_name = "portal/patients/home.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        shown = panels(self)
        return self.show(
            today=self.now,
            todos=todos(self),
            panels=[panel for panel in shown if not panel.aside],
            asides=[panel for panel in shown if panel.aside],
        )
