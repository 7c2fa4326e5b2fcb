"""The pages and fragments around an automation: read it back, count its audience, try it, publish it."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from careops.access import step_up
from careops.access.actor import Actor
from careops.lib import clock
from workflows.admin.fields import ConditionsField
from workflows.admin.preview import previews
from workflows.admin.readback import changes, granted, read_back
from workflows.admin.rehearsal import candidates, rehearse
from workflows.admin.samples import describe_trigger
from workflows.catalogue import NotPermitted, actions
from workflows.conditions import audience, sentence, split
from workflows.engine.publish import publish
from workflows.models import Automation, EventRecord, Step
from workflows.traces import require_readable


class AutomationPages:
    """Mixed into AutomationAdmin. Fragments answer the builder's scripts with a piece of HTML."""

    def get_urls(self) -> list[URLPattern]:
        def view(function: Any) -> Any:
            return self.admin_site.admin_view(function)

        return [
            path("trigger/", view(require_GET(self.trigger_view)), name=self.url_name("trigger")),
            path("audience/", view(require_POST(self.audience_view)), name=self.url_name("audience")),
            path("words/", view(require_POST(self.words_view)), name=self.url_name("words")),
            path("preview/", view(require_POST(self.preview_view)), name=self.url_name("preview")),
            path(
                "<uuid:object_id>/publish/",
                view(require_http_methods(["GET", "POST"])(self.publish_view)),
                name=self.url_name("publish"),
            ),
            path("<uuid:object_id>/try/", view(require_GET(self.try_view)), name=self.url_name("try")),
            *super().get_urls(),
        ]

    def builder_urls(self, automation: Automation | None) -> dict[str, str]:
        urls = {
            name: reverse(f"{self.admin_site.name}:{self.url_name(name)}")
            for name in ("trigger", "audience", "words", "preview")
        }
        if automation is not None:
            urls["words"] += f"?automation={automation.pk}"
        return urls

    def _may_look(self, request: HttpRequest) -> None:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied

    # ── Fragments ────────────────────────────────────────────────────────────────────────────────────────
    def trigger_view(self, request: HttpRequest) -> HttpResponse:
        """What that event is, when it is not sent, what others call it, and how it looks."""
        self._may_look(request)
        described = describe_trigger(request.GET.get("name", ""))
        return render(request, "admin/workflows/trigger.html", {"meant": described})

    def audience_view(self, request: HttpRequest) -> HttpResponse:
        """How many patients meet what the conditions ask of patients, right now. Nobody counts what they may not see."""
        self._may_look(request)
        person = apps.get_model(settings.PERSON_MODEL)
        try:
            tree = split(ConditionsField().clean_tree(request.POST.get("conditions", "")), person)
            require_readable(tree, by=Actor.of(request.user), to=_("Count patients"))
        except ValidationError as error:
            return render(request, "admin/workflows/audience.html", {"errors": error.messages})
        except NotPermitted as refusal:
            return render(request, "admin/workflows/audience.html", {"errors": [refusal]})
        number = audience(tree, person, clock.now())
        said = sentence(tree) if tree.of else ""
        return render(request, "admin/workflows/audience.html", {"number": number, "said": said})

    def words_view(self, request: HttpRequest) -> HttpResponse:
        """The automation as the page says it now, unsaved: in words, and what is still wrong with it."""
        self._may_look(request)
        automation, steps = self._as_typed(request)
        return render(request, "admin/workflows/words.html", {"words": read_back(automation, steps)})

    def _as_typed(self, request: HttpRequest) -> tuple[Automation, list[Step]]:
        pk = request.GET.get("automation", "")
        known = self.get_object(request, pk) if pk else None
        form = self.get_form(request, known, change=known is not None)(request.POST, instance=known)
        form.is_valid()
        automation = form.instance
        if "conditions" in form.errors:  # not cleaned, but the reader shall hear what is wrong with them
            automation.conditions = form.fields["conditions"].loosely(form["conditions"].data)
        formsets, _inlines = self._create_formsets(request, automation, change=known is not None)
        for formset in formsets:
            formset.is_valid()  # cleans each form, which tells what is to be removed
        typed = [
            each
            for formset in formsets
            for each in formset.forms
            if each["action"].value() and not formset._should_delete_form(each)
        ]
        typed.sort(key=lambda each: int(each["position"].value() or 0))
        return automation, [each.as_typed() for each in typed]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """The texts of one step with invented values; nobody's data is read."""
        self._may_look(request)
        name, prefix = request.POST.get("action", ""), request.POST.get("prefix", "")
        if name not in actions:
            raise Http404
        form = actions.get(name).form(request.POST, prefix=f"{prefix}-params")
        return render(request, "admin/workflows/preview.html", {"previews": previews(form)})

    # ── Publishing ───────────────────────────────────────────────────────────────────────────────────────
    def may_publish(self, request: HttpRequest, automation: Automation) -> bool:
        is_put_away = automation.state == Automation.State.ARCHIVED
        return not is_put_away and request.user.has_perm("workflows.publish_automation")

    def publish_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """GET shows what would go live, POST makes it so. Whoever publishes proves again that it is them."""
        automation = self.record_or_404(request, str(object_id))
        if not self.may_publish(request, automation):
            raise PermissionDenied
        if step_up.is_due(request):
            return step_up.ask(request, request.path)
        refusals: list[str] = []
        if request.method == "POST":
            try:
                version = publish(automation, by=Actor.of(request.user))
            except ValidationError as error:
                refusals = error.messages
            except NotPermitted as refusal:
                refusals = [str(refusal)]
            else:
                said = _("“%(name)s” is live: %(version)s.") % {"name": automation, "version": version}
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(self.url_of("change", automation))
        return TemplateResponse(
            request, "admin/workflows/publish.html", self._publish_context(request, automation, refusals)
        )

    def _publish_context(
        self, request: HttpRequest, automation: Automation, refusals: list[str]
    ) -> dict[str, Any]:
        steps = list(automation.steps.all())
        words = read_back(automation, steps)
        may = granted(words.permissions, Actor.of(request.user))
        return {
            **self._page_context(request, automation, _("Publish")),
            "words": words,
            "granted": may,
            "withheld": [one for one in may if not one.held],
            "changes": changes(automation, words, steps),
            "refusals": refusals,
        }

    # ── Trying ───────────────────────────────────────────────────────────────────────────────────────────
    def try_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The draft's conditions asked about a real event; nothing is done and nothing is written."""
        automation = self.record_or_404(request, str(object_id))
        if not request.user.has_perm("workflows.view_run"):
            raise PermissionDenied
        found = candidates(automation, request.GET.get("patient", ""))
        context = {**self._page_context(request, automation, _("Try it")), "events": found}
        chosen = request.GET.get("event", "")
        if chosen.isdecimal():
            event = EventRecord.objects.filter(pk=int(chosen)).first()
            if event is None:
                raise Http404
            context["chosen"] = event
            try:
                context["tried"] = rehearse(automation, event, by=Actor.of(request.user))
            except NotPermitted as refusal:
                context["refusal"] = refusal
        status = 403 if "refusal" in context else 200
        return TemplateResponse(request, "admin/workflows/try.html", context, status=status)

    def _page_context(self, request: HttpRequest, automation: Automation, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": str(automation),
            "opts": self.opts,
            "original": automation,
            "state_badge": self.state_badge(automation),
            "record_url": self.url_of("change", automation),
        }
