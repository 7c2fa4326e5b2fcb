"""Pages of a record: scoped, audited, and safe to edit while others do."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from careops.access.scope import path_to_patient
from careops.lib.lists import BoundedList
from careops.lib.paging import BoundedPaginator
from careops.surfaces.edits import KeepsOthersEdits
from careops.surfaces.lookups import is_declared
from careops.surfaces.timeline import FIRST, has_timeline, timeline
from workflows.catalogue.errors import Conflict, IllegalTransition, NotPermitted


def _without(fields: Iterable[Any], left_out: set[Any]) -> list[Any]:
    """The fields of a fieldset, whose rows may be tuples, without these."""
    rows = [field if isinstance(field, tuple | list) else (field,) for field in fields]
    kept = [tuple(field for field in row if field not in left_out) for row in rows]
    return [row[0] if len(row) == 1 else row for row in kept if row]


class RecordAdmin(ModelAdmin):
    """The only door to a record in the staff area.

    ``scope`` decides which rows a person meets at all; ``patient_path`` is the dotted attribute that holds
    the patient's id ("" where there is none; by default the model's own ``patient_id``). Pages of such
    records are audited.
    """

    patient_path: str | None = None
    change_form_template = "admin/careops/record_form.html"
    warn_unsaved_form = True
    show_facets = ShowFacets.NEVER
    show_full_result_count = False
    list_per_page = 20  # a screenful: drawing a row costs more than finding it
    paginator = BoundedPaginator
    list_sections = ()  # asked for with every row; what is missing is looked for in vain for 0.1 ms each time

    # ── Who sees what ────────────────────────────────────────────────────────────────────────────────────
    def scope(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows this person may meet: narrow it where a role sees only some, annotate it for lists."""
        return self.model._default_manager.all()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        if not self.has_view_or_change_permission(request):
            return self.model._default_manager.none()
        return self.scope(request).order_by(*(self.get_ordering(request) or self.opts.ordering))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedList]:
        return BoundedList

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """A choice of other records offers only those the person may meet."""
        related = self.admin_site._registry.get(db_field.remote_field.model)
        if isinstance(related, RecordAdmin):
            return related.get_queryset(request)
        return super().get_field_queryset(db, db_field, request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return request is not None and is_declared(self, request, lookup)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nothing is deleted here: a record is cancelled, archived or switched off, and stays."""
        return False

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        """A record of somebody else's and one that never was answer alike."""
        raise Http404

    def record_or_404(self, request: HttpRequest, object_id: str) -> Model:
        """The record, for a page of our own. Raises PermissionDenied or Http404."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        return record

    # ── The audit trail of reads ─────────────────────────────────────────────────────────────────────────
    @property
    def concerns_patients(self) -> bool:
        return bool(self._patient_path())

    def patient_of(self, record: Model) -> Any:
        """The id of the patient a record is about, or None."""
        path_to_patient = self._patient_path()
        return attrgetter(path_to_patient)(record) if path_to_patient else None

    def _patient_path(self) -> str:
        if self.patient_path is not None:
            return self.patient_path
        return path_to_patient(self.model)

    def note_view(self, request: HttpRequest, record: Model) -> None:
        """Write down that this person looked at this patient's record."""
        if self.concerns_patients:
            by, patient_id = Actor.of(request.user), self.patient_of(record)
            audit(AuditEntry.Act.VIEW, by, self.model, [record.pk], patient_id=patient_id)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        changelist = getattr(response, "context_data", None) and response.context_data.get("cl")
        if (
            changelist
            and self.concerns_patients
            and (shown := [record.pk for record in changelist.result_list])
        ):
            audit(AuditEntry.Act.LIST, Actor.of(request.user), self.model, shown)
        return response

    # ── Editing ──────────────────────────────────────────────────────────────────────────────────────────
    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        """The record, within scope; while a form is saved, locked first and so read as it is now."""
        found = super().get_object(request, object_id, from_field)
        if found is None or not getattr(request, "careops_saving", False):
            return found
        self.model._base_manager.select_for_update(of=("self",)).values("pk").get(pk=found.pk)
        return super().get_object(request, object_id, from_field)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """A new record's page asks for what can be written; the rest has no value yet."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is not None:
            return fieldsets
        shown_only = set(self.get_readonly_fields(request, obj))
        writable = ((name, options, _without(options["fields"], shown_only)) for name, options in fieldsets)
        return [(name, {**options, "fields": fields}) for name, options, fields in writable if fields]

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (KeepsOthersEdits, form), {}) if obj is not None else form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A refusal by the record itself is a message to the person; its transaction is rolled back."""
        request.careops_saving = request.method == "POST" and object_id is not None
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (Conflict, IllegalTransition, NotPermitted) as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        except ValidationError as refusal:
            self.message_user(request, " ".join(refusal.messages), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        obj: Model | None = None,
        **kwargs: Any,
    ) -> HttpResponse:
        if obj is not None:
            self.note_view(request, obj)
            if has_timeline(obj):
                context["timeline"] = timeline(obj, request.user)
                context["timeline_url"] = self.url_of("timeline", obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    # ── Pages of our own ─────────────────────────────────────────────────────────────────────────────────
    def url_name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def url_of(self, page: str, record: Model, *more: str) -> str:
        return reverse(f"{self.admin_site.name}:{self.url_name(page)}", args=[record.pk, *more])

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.timeline_view)
        return [path("<path:object_id>/timeline/", view, name=self.url_name("timeline")), *super().get_urls()]

    def timeline_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The record's timeline on a page of its own, as long as one asks for."""
        record = self.record_or_404(request, object_id)
        if not has_timeline(record):
            raise Http404
        self.note_view(request, record)
        shown = request.GET.get("show", "")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Timeline"),
            "subtitle": str(record),
            "opts": self.opts,
            "original": record,
            "timeline": timeline(record, request.user, most=int(shown) if shown.isdecimal() else FIRST),
            "timeline_url": self.url_of("timeline", record),
            "record_url": self.url_of("change", record),
        }
        return TemplateResponse(request, "admin/careops/timeline_page.html", context)
