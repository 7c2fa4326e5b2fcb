"""Lists and single records: scoped, audited, in pages, and safe to edit while others do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import Http404
from django_filters import Filter
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from careops.access.audit import audit
from careops.access.models import AuditEntry
from careops.access.scope import path_to_patient, visible
from careops.surfaces.api.conditional import etag_of, is_known, require_match
from careops.surfaces.api.filters import Choice, DeclaredFilters, RecordFilters
from careops.surfaces.api.pagination import Cursor
from careops.surfaces.api.schema import ApiSchema
from careops.surfaces.api.views import ApiView
from workflows.catalogue.errors import NotPermitted


class ListViewSet(ApiView, GenericViewSet):
    """A list of rows to read: scoped, in pages, and audited.

    ``queryset`` says which rows and what is read with them, ``ordering`` how a list goes on (indexed, unique, one
    direction), ``filterset_class`` how it is narrowed. Seeing takes ``view_…``.
    """

    queryset: QuerySet[Any]
    ordering: ClassVar[Sequence[str]] = ("-id",)
    patient_path: ClassVar[str | None] = None
    #: Statuses of its own, beside those that every address may answer with.
    refusals: ClassVar[Sequence[str]] = ()
    #: What an action takes besides seeing the noun.
    verbs: ClassVar[Mapping[str, str]] = {"create": "add", "partial_update": "change"}

    schema = ApiSchema()
    filter_backends = (DeclaredFilters,)
    filterset_class: Any = RecordFilters
    pagination_class: Any = Cursor

    # ── Who sees what ────────────────────────────────────────────────────────────────────────────────────
    @property
    def model(self) -> type[Model]:
        return self.queryset.model

    def check_permissions(self, request: Request) -> None:
        for verb in filter(None, ("view", self.verbs.get(self.action))):
            self.require(f"{self.model._meta.app_label}.{verb}_{self.model._meta.model_name}")

    def require(self, permission: str) -> None:
        if not self.actor.has_perm(permission):
            raise NotPermitted(self.action, permission)

    def get_queryset(self) -> QuerySet[Any]:
        return visible(self.queryset.all(), self.actor)

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────
    def query_parameters(self) -> Collection[str]:
        return {*self.pagination_class.PARAMETERS, *self._filters()} if self.action == "list" else ()

    def repeatable_parameters(self) -> Collection[str]:
        return {name for name, declared in self._filters().items() if isinstance(declared, Choice)}

    def _filters(self) -> Mapping[str, Filter]:
        return self.filterset_class.base_filters if self.filterset_class else {}

    def list(self, request: Request, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        if page and self.concerns_patients:
            ids = [record.pk for record in page]
            audit(AuditEntry.Act.LIST, self.actor, self.model, ids, correlation_id=self.request_id)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @property
    def concerns_patients(self) -> bool:
        return bool(self._patient_path())

    def _patient_path(self) -> str:
        return path_to_patient(self.model) if self.patient_path is None else self.patient_path


class RecordViewSet(ListViewSet):
    """The only door to a record over the API: a list and single records, to read.

    ``parts`` names the relations whose rows are shown inside a record. Mix in ``Creates`` and ``Edits`` where callers
    may write.
    """

    parts: ClassVar[Sequence[str]] = ()
    lookup_url_kwarg = "id"
    lookup_value_converter = "uuid"

    def get_object(self) -> Any:
        """The record of the address. A record that is not the caller's and one that never was answer alike."""
        return self._one(self.get_queryset())

    def locked_object(self) -> Any:
        """The record, locked until the request is over, and of the version the caller means."""
        record = self._one(self.get_queryset().select_for_update(of=("self",)))
        require_match(self.request, self.etag_of(record))
        return record

    def _one(self, records: QuerySet[Any]) -> Any:
        record = records.filter(pk=self.kwargs[self.lookup_url_kwarg]).first()
        if record is None:
            raise Http404
        return record

    def retrieve(self, request: Request, **kwargs: Any) -> Response:
        record = self.get_object()
        etag = self.etag_of(record)
        if etag and is_known(request, etag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return self.shown(record)

    def shown(self, record: Any, code: int = status.HTTP_200_OK, **headers: str) -> Response:
        """The record as it is now; that the caller saw it is written down."""
        if self.concerns_patients:
            audit(
                AuditEntry.Act.VIEW, self.actor, self.model, [record.pk],
                patient_id=attrgetter(self._patient_path())(record), correlation_id=self.request_id,
            )  # fmt: skip
        etag = self.etag_of(record)
        return Response(
            self.get_serializer_class()(record, context=self.get_serializer_context()).data,
            code,
            headers=headers | ({"ETag": etag} if etag else {}),
        )

    def etag_of(self, record: Any) -> str:
        """The record's tag; none for a row that has no version."""
        return etag_of(record, self.parts) if hasattr(record, "version") else ""

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────
    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer:
        """Whoever edits names the fields that change."""
        if self.action == "partial_update":
            kwargs["partial"] = True
        return super().get_serializer(*args, **kwargs)

    def saved(self, serializer: BaseSerializer) -> Any:
        serializer.is_valid(raise_exception=True)
        return serializer.save()


class Creates:
    """Callers may make new ones, with ``add_…``."""

    def create(self: Any, request: Request, **kwargs: Any) -> Response:
        record = self.saved(self.get_serializer(data=request.data))
        url = request.build_absolute_uri(f"{request.path}{record.pk}/")
        return self.shown(record, status.HTTP_201_CREATED, Location=url)


class Edits:
    """Callers may change fields, with ``change_…``: the named ones only, and never the state."""

    def partial_update(self: Any, request: Request, **kwargs: Any) -> Response:
        return self.shown(self.saved(self.get_serializer(self.locked_object(), data=request.data)))
