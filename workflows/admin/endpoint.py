"""Webhook endpoints in the staff area: where to, of what, with which secrets, and how it goes."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST
from unfold import widgets

from careops.access import step_up
from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from careops.lib.lists import badge
from careops.lib.outbound import OutboundRefused, check_header, check_url
from careops.lib.signing import new_secret
from careops.surfaces.admin import MachineAdmin
from workflows.admin.catalogue import noun
from workflows.admin.links import page_of
from workflows.admin.samples import sample_event
from workflows.admin.timeline import TONES
from workflows.catalogue import envelopes, events
from workflows.models import Delivery, Endpoint
from workflows.models.event_record import wake_sender

#: How many of an endpoint's deliveries its page shows.
SHOWN = 20


def vocabulary_choices() -> list[tuple[str, Any]]:
    return [(each.name, each.label) for each in envelopes]


def subscription_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every name of every vocabulary, grouped by noun; which ones fit is checked against the vocabulary."""
    groups: dict[str, dict[str, str]] = {}
    for event in events:
        names = groups.setdefault(noun(event.subject), {})
        for vocabulary in envelopes:
            for name in event.names_in(vocabulary.name):
                names.setdefault(
                    name, name if vocabulary.name == "careops" else f"{name} ({vocabulary.name})"
                )
    return [(group, sorted(names.items())) for group, names in sorted(groups.items())]


class EndpointForm(forms.ModelForm):
    url = forms.URLField(
        label=_("Address"), max_length=500, assume_scheme="https", widget=widgets.UnfoldAdminURLInputWidget
    )
    vocabulary = forms.ChoiceField(
        label=_("Vocabulary"), choices=vocabulary_choices, widget=widgets.UnfoldAdminSelectWidget,
        help_text=_("How events are spelled and written for it."),
    )  # fmt: skip
    subscriptions = forms.MultipleChoiceField(
        label=_("Told of these events"), choices=subscription_choices, required=False,
        widget=forms.SelectMultiple({"class": "co-select co-many", "size": 12}),
        help_text=_("Choose none for an endpoint that only automations call. Ctrl or ⌘ chooses several."),
    )  # fmt: skip

    class Meta:
        model = Endpoint
        fields = ("name", "url", "vocabulary", "subscriptions", "header_name", "header_value")

    def clean_url(self) -> str:
        url = self.cleaned_data["url"]
        if "url" in self.changed_data or self.instance._state.adding:
            try:
                check_url(url)
            except OutboundRefused as refusal:
                raise ValidationError(str(refusal.message), code=refusal.reason_code) from None
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._check_header(cleaned)
        self._check_subscriptions(cleaned)
        return cleaned

    def _check_header(self, cleaned: dict[str, Any]) -> None:
        """Name and value together: what was not typed again stays as it was stored."""
        name, typed = cleaned.get("header_name", ""), cleaned.get("header_value")
        value = self.instance.header_value if typed is None else typed
        if not name and not value:
            return
        if not name:
            self.add_error("header_name", _t("A value needs the name of its header."))
            return
        try:
            check_header(name, value.reveal() if hasattr(value, "reveal") else value)
        except OutboundRefused as refusal:
            at = "header_value" if refusal.reason_code == "header_value" else "header_name"
            self.add_error(at, str(refusal.message))

    def _check_subscriptions(self, cleaned: dict[str, Any]) -> None:
        """An event is told by a name of the endpoint's own vocabulary, or never."""
        vocabulary = cleaned.get("vocabulary", "")
        known = {name for event in events for name in event.names_in(vocabulary)}
        strange = [name for name in cleaned.get("subscriptions", []) if name not in known]
        if vocabulary and strange:
            message = _t("Not spelled like that in this vocabulary: %(names)s.")
            self.add_error("subscriptions", message % {"names": ", ".join(strange)})


@admin.register(Endpoint)
class EndpointAdmin(MachineAdmin):
    form = EndpointForm
    change_form_template = "admin/workflows/endpoint.html"
    state_colors = {"active": "success", "paused": "warning", "disabled": "danger"}
    list_display = ("name", "url", "vocabulary", "state_badge", "told_of")
    list_filter = ("state", "vocabulary")
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "url")}),
        (_("What it is told"), {"fields": ("vocabulary", "subscriptions")}),
        (_("An extra header"), {"fields": ("header_name", "header_value"), "description": _(
            "For a receiver that asks for a key. The value is never shown again."
        )}),
    )  # fmt: skip

    @admin.display(description=_("events"))
    def told_of(self, endpoint: Endpoint) -> int:
        return len(endpoint.subscriptions)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Endpoint | None = None,
        **kwargs: Any,
    ) -> HttpResponse:
        if obj is not None:
            may_see = request.user.has_perm("workflows.view_delivery")
            context["deliveries"] = list(latest(request, obj)) if may_see else []
            context["deliveries_url"] = (
                f"{reverse('admin:workflows_delivery_changelist')}?endpoint__id__exact={obj.pk}"
            )
            context["test_url"] = self.url_of("test", obj) if may_test(request) else ""
            context["rotate_url"] = (
                self.url_of("rotate", obj) if self.has_change_permission(request, obj) else ""
            )
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    # ── The signing secret is shown once ─────────────────────────────────────────────────────────────────
    def response_add(
        self, request: HttpRequest, obj: Endpoint, post_url_continue: Any = None
    ) -> HttpResponse:
        super().response_add(request, obj, post_url_continue)  # for its message
        return self._show_secret(request, obj)

    def _show_secret(self, request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
        """The answer to the POST itself: a reload or a look at the history does not bring it back."""
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Signing secret"),
            "subtitle": str(endpoint),
            "opts": self.opts,
            "original": endpoint,
            "secret": str.__str__(endpoint.signing_secret),
            "record_url": self.url_of("change", endpoint),
        }
        return TemplateResponse(request, "admin/workflows/secret.html", context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        rotate = require_http_methods(["GET", "POST"])(self.rotate_view)
        return [
            path("<uuid:object_id>/test/", view(require_POST(self.test_view)), name=self.url_name("test")),
            path("<uuid:object_id>/rotate/", view(rotate), name=self.url_name("rotate")),
            *super().get_urls(),
        ]

    def rotate_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """GET asks, POST makes a new secret and shows it once. Whoever does it proves again that it is them."""
        endpoint: Any = self.record_or_404(request, str(object_id))
        if not self.has_change_permission(request, endpoint):
            raise PermissionDenied
        if step_up.is_due(request):
            return step_up.ask(request, request.path)
        if request.method == "POST":
            with transaction.atomic():
                endpoint.signing_secret = new_secret()
                endpoint.save()
                audit(AuditEntry.Act.SECRET, Actor.of(request.user), Endpoint, [endpoint.pk])
            return self._show_secret(request, endpoint)
        context = {
            **self.admin_site.each_context(request),
            "title": _t("New signing secret"),
            "subtitle": str(endpoint),
            "opts": self.opts,
            "original": endpoint,
            "record_url": self.url_of("change", endpoint),
        }
        return TemplateResponse(request, "admin/workflows/rotate.html", context)

    # ── A test event ─────────────────────────────────────────────────────────────────────────────────────
    def test_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Queue an invented event of the first kind it is told of, through the very channel real ones take."""
        endpoint: Any = self.record_or_404(request, str(object_id))
        if not may_test(request):
            raise PermissionDenied
        delivery = queue_test(endpoint)
        said = _t("A test event is on its way: %(delivery)s.") % {"delivery": delivery}
        self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(self.url_of("change", endpoint))


def may_test(request: HttpRequest) -> bool:
    return request.user.has_perm("workflows.send_test_endpoint")


def queue_test(endpoint: Endpoint) -> Delivery:
    """Nobody's data: references and states are invented."""
    name = next(iter(endpoint.subscriptions), "")
    event = events.named(name)[0] if name in events.all_names() else next(iter(events))
    body = dict(envelopes.get(endpoint.vocabulary).write(sample_event(event), name or event.name))
    with transaction.atomic():
        delivery = Delivery.objects.create(
            channel="webhook",
            key=f"test:{uuid.uuid4()}",
            subject_type=Endpoint._meta.label,
            subject_id=endpoint.pk,
            endpoint=endpoint,
            lane="interactive",
            body=body | {"test": True},
        )
        wake_sender()
    return delivery


def latest(request: HttpRequest, endpoint: Endpoint) -> Any:
    for row in endpoint.deliveries.select_related("event").order_by("-id")[:SHOWN]:
        link = page_of(request, "workflows.Delivery", row.pk, str(row))
        yield link, row, badge(row.get_state_display(), TONES.get(row.state, "info"))
