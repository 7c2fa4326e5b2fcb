"""API keys in the staff area: made and rotated by people who hold what they give away, revoked at once.

A secret stands on the page that answers the POST which made it, and nowhere else, ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods
from unfold.decorators import display

from careops.access import api_keys, step_up
from careops.access.actor import Actor
from careops.access.models import ApiKey
from careops.lib.ids import uuid7
from careops.surfaces.dress import dressed
from careops.surfaces.readonly import ReadOnlyAdmin
from workflows.catalogue.machine import machines

SOON = timedelta(days=30)
VERBS = {"view": _("See"), "add": _("Create"), "change": _("Edit")}
COLORS = {"works": "success", "expires_soon": "warning", "expired": "", "revoked": "danger"}
STANDINGS = {
    "works": _("works"),
    "expires_soon": _("expires soon"),
    "expired": _("expired"),
    "revoked": _("revoked"),
}


# ── Permissions in plain words ────────────────────────────────────────────────────────────────────────────
def in_words(names: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Noun → (permission, what it allows), as choices: seeing first, then writing, then the moves."""
    moves = _moves_by_permission()
    rows = Permission.objects.filter(codename__in=[name.split(".")[1] for name in names])
    groups: dict[str, dict[str, str]] = {}
    for row in rows.select_related("content_type"):
        name, model = f"{row.content_type.app_label}.{row.codename}", row.content_type.model_class()
        if name in names and model is not None:
            verb = row.codename.partition("_")[0]
            crud = VERBS.get(verb) if row.codename == f"{verb}_{model._meta.model_name}" else None
            label = str(crud or ", ".join(moves.get(name, ())) or row.name)
            groups.setdefault(capfirst(str(model._meta.verbose_name_plural)), {})[name] = label
    return [(noun, sorted(found.items(), key=_crud_first)) for noun, found in sorted(groups.items())]


def _moves_by_permission() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for machine in machines():
        for move in machine.moves().values():
            if move.offered:
                found.setdefault(move.needs, []).append(str(move.label))
    return found


def _is_seeing(permission: str) -> bool:
    return permission.split(".")[1].startswith("view_")


def _crud_first(choice: tuple[str, str]) -> tuple[int, str]:
    verb = choice[0].split(".")[1].partition("_")[0]
    return ([*VERBS].index(verb) if verb in VERBS else len(VERBS), choice[1])


# ── The forms ─────────────────────────────────────────────────────────────────────────────────────────────
class KeyForm(forms.Form):
    #: The key's id, chosen when the page is opened: a page that is loaded again makes no second key.
    key_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7, required=False)
    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("What uses it, such as “Billing export”.")
    )
    expires_on = forms.DateField(
        label=_("Works until the end of"),
        help_text=_("A year from today at the latest."),
        widget=forms.DateInput,
    )
    permissions = forms.MultipleChoiceField(
        label=_("May"), widget=forms.CheckboxSelectMultiple,
        help_text=_("As little as it needs. You can only give what you hold yourself."),
    )  # fmt: skip

    def __init__(self, *args: Any, by: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        self.fields["permissions"].choices = in_words(api_keys.grantable(by))

    def nouns(self) -> Iterator[tuple[str, list[tuple[str, str, bool]]]]:
        """What can be given, noun by noun, and what is ticked: for a page that groups them."""
        ticked = set(self["permissions"].value() or ())
        for noun, offered in self.fields["permissions"].choices:
            yield noun, [(name, words, name in ticked) for name, words in offered]

    def clean_permissions(self) -> list[str]:
        """Whoever writes reads what came of it, so nothing is of use without seeing the noun."""
        chosen = self.cleaned_data["permissions"]
        unseen = [
            noun
            for noun, offered in self.fields["permissions"].choices
            if (ticked := [name for name, _words in offered if name in chosen])
            and not any(map(_is_seeing, ticked))
        ]
        if unseen:
            told = _t("Nothing can be done unseen: tick “See” as well for %(nouns)s.")
            raise forms.ValidationError(told % {"nouns": ", ".join(unseen)})
        return chosen

    def clean_expires_on(self) -> datetime:
        day = self.cleaned_data["expires_on"]
        return timezone.make_aware(datetime.combine(day, time.max))


class RotateForm(forms.Form):
    OVERLAPS = (
        (0, _("not at all")),
        (1, _("an hour")),
        (24, _("a day")),
        (72, _("3 days")),
        (168, _("7 days")),
    )

    overlap = forms.TypedChoiceField(
        label=_("The old secret works for another"), choices=OVERLAPS, coerce=int, initial=24,
        help_text=_("Time to put the new one everywhere it is needed."),
    )  # fmt: skip
    #: A page that is loaded again sends its form again: by then this names a secret that is replaced already.
    replaces = forms.CharField(widget=forms.HiddenInput, required=False)


# ── The pages ─────────────────────────────────────────────────────────────────────────────────────────────
@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    page_template = "admin/access/api_key.html"
    list_display = ("name", "begins_with", "made_by", "standing", "expires_at", "last_used_at")
    list_select_related = ("owner",)
    search_fields = ("name", "prefix")
    shown = (
        "name", "begins_with", "standing", "made_by", "created_at", "expires_at", "last_used_at", "previous_until",
        "revoked_at",
    )  # fmt: skip

    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        return ApiKey.objects.select_related("owner")

    @display(description=_("begins with"), ordering="prefix")
    def begins_with(self, key: ApiKey) -> str:
        return str(key)

    @display(description=_("made by"), ordering="owner__last_name")
    def made_by(self, key: ApiKey) -> str:
        """Somebody who left still has the secret, perhaps: it says so."""
        name = key.owner.get_full_name()
        return name if key.owner.is_active else _t("%(name)s (no longer active)") % {"name": name}

    @display(description=_("state"), label={str(STANDINGS[name]): color for name, color in COLORS.items()})
    def standing(self, key: ApiKey) -> str:
        return str(STANDINGS[standing_of(key)])

    def title_of(self, record: Any) -> str:
        return record.name

    def story(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        alive = standing_of(record) in ("works", "expires_soon")
        may = alive and request.user.has_perm("access.change_apikey")
        holds = set(record.permissions) <= api_keys.grantable(Actor.of(request.user))
        return {
            "may": in_words(record.permissions),
            "rotate_url": self.url_of("rotate", record) if may and holds else "",
            "revoke_url": self.url_of("revoke", record) if may else "",
        }

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("access.add_apikey")

    def get_urls(self) -> list[URLPattern]:
        return [*self._own_urls(), *super().get_urls()]

    def _own_urls(self) -> Iterator[URLPattern]:
        for name, view in (("rotate", self.rotate_view), ("revoke", self.revoke_view)):
            guarded = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(view))
            yield path(f"<uuid:object_id>/{name}/", guarded, name=self.url_name(name))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if object_id is None:
            return self.make_view(request)
        return super().changeform_view(request, object_id, *args, **kwargs)

    def make_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks, POST makes the key and shows its secret. Whoever does it proves again that it is them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if step_up.is_due(request):
            return step_up.ask(request, request.path)
        by = Actor.of(request.user)
        form = dressed(KeyForm(request.POST, by=by) if request.method == "POST" else KeyForm(by=by))
        if request.method == "POST" and form.is_valid():
            words = form.cleaned_data
            try:
                key, secret = api_keys.issue(
                    name=words["name"],
                    permissions=words["permissions"],
                    expires_at=words["expires_on"],
                    by=by,
                    pk=words["key_id"],
                )
                return self._show_secret(request, key, secret)
            except api_keys.Refused as refusal:
                form.add_error(None, str(refusal))
        return self._ask(request, "make_key", _t("New API key"), form=form)

    def rotate_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        key = self._changeable(request, object_id)
        if step_up.is_due(request):
            return step_up.ask(request, request.path)
        sent = request.POST if request.method == "POST" else None
        form = dressed(RotateForm(sent, initial={"replaces": key.secret_id}))
        if request.method == "POST" and form.is_valid():
            words = form.cleaned_data
            try:
                key, secret = api_keys.rotate(
                    key,
                    by=Actor.of(request.user),
                    overlap=timedelta(hours=words["overlap"]),
                    replaces=words["replaces"],
                )
                return self._show_secret(request, key, secret)
            except api_keys.Refused as refusal:
                form.add_error(None, str(refusal))
        return self._ask(request, "rotate_key", _t("New secret"), form=form, key=key)

    def revoke_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """No step-up: somebody who has just seen a secret leak shall not have to look for their telephone."""
        key = self._changeable(request, object_id)
        if request.method == "POST":
            api_keys.revoke(key, by=Actor.of(request.user))
            self.message_user(request, _t("The key works no more."), messages.SUCCESS)
            return HttpResponseRedirect(self.url_of("change", key))
        return self._ask(request, "revoke_key", _t("Revoke the key"), key=key)

    def _changeable(self, request: HttpRequest, object_id: Any) -> Any:
        key = self.record_or_404(request, str(object_id))
        if not request.user.has_perm("access.change_apikey"):
            raise PermissionDenied
        return key

    def _ask(
        self, request: HttpRequest, page: str, title: str, *, form: Any = None, key: ApiKey | None = None
    ) -> HttpResponse:
        back = self.url_of("change", key) if key else reverse(f"admin:{self.url_name('changelist')}")
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": key.name if key else "",
            "opts": self.opts,
            "original": key,
            "form": form,
            "back_url": back,
        }
        return TemplateResponse(request, f"admin/access/{page}.html", context)

    def _show_secret(self, request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _t("The key"),
            "subtitle": key.name,
            "opts": self.opts,
            "original": key,
            "secret": secret,
            "record_url": self.url_of("change", key),
        }
        return TemplateResponse(request, "admin/access/key_secret.html", context)


def standing_of(key: ApiKey) -> str:
    """By the wall clock, as the API judges it."""
    now = datetime.now(tz=key.expires_at.tzinfo)
    if key.revoked_at is not None:
        return "revoked"
    if now >= key.expires_at:
        return "expired"
    return "expires_soon" if key.expires_at - now < SOON else "works"
