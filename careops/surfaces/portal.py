"""The patients' portal: the one base class of its pages, the admin's sibling for people who see only what is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View
from django_fsm import can_proceed

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from careops.access.scope import visible
from careops.lib import clock
from workflows.catalogue.errors import Conflict, IllegalTransition
from workflows.catalogue.machine import Machine, Move

M = TypeVar("M", bound=Model)

HOME, WELCOME = "portal:home", "portal:welcome"
PER_PAGE = 10


class PortalView(View):
    """The only door to a record on the portal.

    Whoever comes here signed in as a patient; staff are sent to the staff area. ``records`` narrows every query to
    what is theirs, so another patient's record and one that never was answer 404 alike. Looks are audited when the
    page is shown, and moves are POSTs that ask the record itself. Times are told by the patient's clock.
    """

    http_method_names = ["get", "head", "post"]
    template_name: ClassVar[str] = ""
    #: Which entry of the navigation is this page's.
    section: ClassVar[str] = ""
    #: The permission that the page takes, besides the one to see each record on it.
    needs: ClassVar[str] = ""
    #: For somebody the clinic has no record of yet, and for nobody else.
    for_newcomers: ClassVar[bool] = False

    # ── Who comes in ─────────────────────────────────────────────────────────────────────────────────────
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if (elsewhere := self.turned_away(request)) is not None:
            return elsewhere
        if self.for_newcomers:
            return super().dispatch(request, *args, **kwargs)
        with timezone.override(ZoneInfo(self.person.timezone_name)):
            return super().dispatch(request, *args, **kwargs)

    def turned_away(self, request: HttpRequest) -> HttpResponse | None:
        """Where whoever asks belongs instead; None when they belong here. Raises PermissionDenied."""
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if request.user.is_staff:
            return redirect("admin:index")
        if (request.user.patient_id is None) is not self.for_newcomers:
            return redirect(HOME if self.for_newcomers else WELCOME)
        if self.needs and not self.actor.has_perm(self.needs):
            raise PermissionDenied
        return None

    @cached_property
    def actor(self) -> Actor:
        return Actor.of(self.request.user)

    @cached_property
    def person(self) -> Any:
        """The patient whose portal this is, with their clinic."""
        people = apps.get_model(settings.PERSON_MODEL)._default_manager
        return self.records(people.select_related("clinic")).get()

    @cached_property
    def now(self) -> Any:
        return clock.now()

    # ── What they meet ───────────────────────────────────────────────────────────────────────────────────
    def records(self, rows: QuerySet[M]) -> QuerySet[M]:
        """Of these rows the patient's own; none at all of a kind that patients may not see."""
        options = rows.model._meta
        if not self.actor.has_perm(f"{options.app_label}.view_{options.model_name}"):
            return rows.none()
        return visible(rows, self.actor)

    def record_or_404(self, rows: QuerySet[M], pk: UUID) -> M:
        """The record, for a page of its own: one look."""
        record = get_object_or_404(self.records(rows), pk=pk)
        self._looks.append((AuditEntry.Act.VIEW, type(record), [record.pk]))
        return record

    def listed(self, rows: Iterable[M]) -> list[M]:
        """These rows, for a list: their ids will be in the audit trail."""
        found = list(rows)
        if found:
            self._looks.append((AuditEntry.Act.LIST, type(found[0]), [row.pk for row in found]))
        return found

    def page_of(self, rows: QuerySet[M]) -> Page:
        """The part of a list that the address asks for; the nearest one when it asks for nonsense."""
        page = Paginator(rows, PER_PAGE).get_page(self.request.GET.get("page"))
        page.object_list = self.listed(page.object_list)
        return page

    @cached_property
    def _looks(self) -> list[tuple[AuditEntry.Act, type[Model], list[Any]]]:
        return []

    # ── What they are shown ──────────────────────────────────────────────────────────────────────────────
    def show(self, **context: Any) -> HttpResponse:
        """The page, its looks written down first. Drawn here and now, while the patient's clock is in force."""
        self._write_looks_down()
        person = None if self.for_newcomers else self.person
        return render(
            self.request, self.template_name, {"person": person, "section": self.section, **context}
        )

    def _write_looks_down(self) -> None:
        """One entry for each kind of record, however many parts of the page listed some."""
        seen: dict[tuple[AuditEntry.Act, type[Model]], dict[Any, None]] = {}
        for act, model, ids in self._looks:
            seen.setdefault((act, model), {}).update(dict.fromkeys(ids))
        for (act, model), ids in seen.items():
            audit(act, self.actor, model, list(ids), patient_id=self.actor.patient_id)

    # ── What they may do ─────────────────────────────────────────────────────────────────────────────────
    def offered(self, record: Machine, names: Sequence[str]) -> list[Move]:
        """Of these moves the ones that the record's state and the patient's permissions allow now."""
        moves = [record.move(name) for name in names if can_proceed(getattr(record, name))]
        return [move for move in moves if move.offered and self.actor.has_perm(move.needs)]

    def perform(self, record: Machine, name: str, **arguments: Any) -> Machine | None:
        """Move the record; None, with a message that says so, when it allows that no more. Raises Http404."""
        try:
            return record.perform(name, by=self.actor, **arguments)
        except ObjectDoesNotExist:
            raise Http404 from None
        except (Conflict, IllegalTransition):
            self.say_it_changed()
            return None

    def say_it_changed(self) -> None:
        said = _("That is not possible any more: something changed meanwhile. This is how it stands now.")
        messages.warning(self.request, said)

    def back(self, default: str) -> HttpResponse:
        """To the page of ours that the form names, else to the default."""
        wanted = self.request.POST.get("next", "")
        ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
        return HttpResponseRedirect(wanted if ours else default)
