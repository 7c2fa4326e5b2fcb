"""Pages of a record with a state: its badge, and a button for each move the person may make now.

django-fsm's own admin mixin ran hidden transitions for a crafted POST, and Unfold's actions are links that
act on GET. Here every move is a POST to a page of its own, which asks the record itself what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import flatten, flatten_fieldsets
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from unfold.decorators import display

from careops.access.actor import Actor
from careops.lib.lists import badge
from careops.surfaces.dress import dressed
from careops.surfaces.records import RecordAdmin
from workflows.catalogue.errors import Conflict, IllegalTransition
from workflows.catalogue.machine import Machine, Move


@dataclass(frozen=True, slots=True)
class Button:
    """A move as the page offers it. ``asks`` leads to a page first; otherwise one click does it."""

    label: Any
    url: str
    tone: str
    asks: bool


class MachineAdmin(RecordAdmin):
    """The door to a record that has a state.

    ``state_colors`` gives each state its badge: info, success, warning, danger or primary. A move into a
    state that is a danger, and one that needs to be told something, asks before it acts; name others in
    ``asking_moves``. A move's button takes the colour of where it leads, unless ``move_colors`` says otherwise.
    """

    state_colors: ClassVar[dict[str, str]] = {}
    asking_moves: ClassVar[tuple[str, ...]] = ()
    move_colors: ClassVar[dict[str, str]] = {}

    # ── The state ────────────────────────────────────────────────────────────────────────────────────────
    @display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, record: Machine) -> SafeString:
        """The state as a coloured label, for lists and for read-only fields."""
        return badge(self.model.states()[record.state], self.state_colors.get(record.state, ""))

    def get_readonly_fields(self, request: HttpRequest, obj: Machine | None = None) -> list[str]:
        named = [*flatten(self.fields or ()), *flatten_fieldsets(self.fieldsets or ())]
        ours = [name for name in ("state", "state_badge") if name in named]
        return [*dict.fromkeys([*super().get_readonly_fields(request, obj), *ours])]

    # ── The moves ────────────────────────────────────────────────────────────────────────────────────────
    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Machine | None = None,
        **kwargs: Any,
    ) -> HttpResponse:
        if obj is not None:
            context["state_badge"] = self.state_badge(obj)
            context["buttons"] = list(self.buttons(request, obj))
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def buttons(self, request: HttpRequest, record: Machine) -> Iterator[Button]:
        """A button for each move this person may make now."""
        for move in record.moves_for(Actor.of(request.user)):
            url = self.url_of("transition", record, move.name)
            yield Button(move.label, url, self.tone_of(move), self.asks_first(move))

    def tone_of(self, move: Move) -> str:
        return self.move_colors.get(move.name, self.state_colors.get(move.target or "", ""))

    def asks_first(self, move: Move) -> bool:
        dangerous = move.target is None or self.state_colors.get(move.target) == "danger"
        return dangerous or move.arguments is not None or move.name in self.asking_moves

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.transition_view))
        route = "<path:object_id>/transition/<str:move_name>/"
        return [path(route, view, name=self.url_name("transition")), *super().get_urls()]

    def transition_view(self, request: HttpRequest, object_id: str, move_name: str) -> HttpResponse:
        """GET asks, POST acts. Out of scope, unknown: 404. Not permitted: 403. Not possible: a message."""
        record = self.record_or_404(request, object_id)
        if move_name not in record.moves():
            raise Http404
        move, actor = record.move(move_name), Actor.of(request.user)
        if not move.offered or not actor.has_perm(move.needs):
            raise PermissionDenied
        form = self.arguments_form(request, move)
        if request.method == "POST" and form.is_valid():
            response = self._perform(request, record, move, form)
            if response is not None:
                return response
        if move not in record.legal_moves():
            possible = [legal.name for legal in record.legal_moves()]
            refusal = IllegalTransition(str(record), move.name, record.state, possible)
            return self._refused(request, record, refusal)
        return self._ask(request, record, move, form)

    def arguments_form(self, request: HttpRequest, move: Move) -> forms.Form:
        """The form in which the move is told what it needs; an empty one for a move that needs nothing."""
        form_class = move.arguments or forms.Form
        return dressed(form_class(request.POST, request.FILES) if request.method == "POST" else form_class())

    def _perform(
        self, request: HttpRequest, record: Machine, move: Move, form: forms.Form
    ) -> HttpResponse | None:
        """Make the move; None when it has something against what the form says, which then shows it."""
        try:
            moved = record.perform(move.name, by=Actor.of(request.user), **form.cleaned_data)
        except (Conflict, IllegalTransition) as refusal:
            return self._refused(request, record, refusal)
        except ValidationError as complaint:
            form.add_error(None, complaint.messages)
            return None
        said = _("%(record)s is now “%(state)s”.") % {"record": moved, "state": moved.states()[moved.state]}
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(self.url_of("change", record))

    def _refused(self, request: HttpRequest, record: Machine, refusal: Exception) -> HttpResponse:
        self.message_user(request, str(refusal), messages.ERROR)
        return HttpResponseRedirect(self.url_of("change", record))

    def _ask(self, request: HttpRequest, record: Machine, move: Move, form: forms.Form) -> HttpResponse:
        target = move.target
        context = {
            **self.admin_site.each_context(request),
            "title": move.label,  # the browser's tab; Unfold's heading names the record
            "subtitle": str(record),
            "opts": self.opts,
            "original": record,
            "form": form,
            "media": self.media + form.media,
            "button": Button(move.label, "", self.tone_of(move), asks=True),
            "state_badge": self.state_badge(record),
            "target": {"text": self.model.states()[target], "type": self.state_colors.get(target, "")}
            if target
            else None,
            "record_url": self.url_of("change", record),
        }
        return TemplateResponse(request, "admin/careops/transition.html", context)
