"""Tables on a record's page of the newest records about it: to look at, and to go on to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import (
    display_for_field,
    display_for_value,
    label_for_field,
    lookup_field,
    quote,
)
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from unfold.admin import TabularInline


@dataclass(frozen=True, slots=True)
class Shown:
    """``hidden`` are the fields by which Django recognises the row when the page is sent, by their names."""

    record: Model
    url: str
    cells: list[Any]
    hidden: list[tuple[str, Any]]


class Glance(TabularInline):
    """Drawn by a template of our own: Unfold's, made for forms, takes as long as the rest of the page."""

    template = "admin/careops/glance.html"
    extra = 0
    per_page = 10
    tab = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def headings(self) -> list[str]:
        return [label_for_field(name, self.model, self) for name in self.fields]

    def rows(self, formset: Any) -> Iterator[Shown]:
        pk, fk = self.model._meta.pk.name, formset.fk
        for form in formset.initial_forms:
            record = form.instance
            yield Shown(
                record,
                self._url(record),
                [self._cell(name, record) for name in self.fields],
                [
                    (form.add_prefix(pk), record.pk),
                    (form.add_prefix(fk.name), getattr(record, fk.attname)),
                ],
            )

    def _url(self, record: Model) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[quote(record.pk)], current_app=self.admin_site.name)

    def _cell(self, name: str, record: Model) -> Any:
        field, _attribute, value = lookup_field(name, record, self)
        if field is None:
            return display_for_value(value, self.get_empty_value_display())
        if field.is_relation:
            return getattr(record, field.name) or self.get_empty_value_display()
        return display_for_field(value, field, self.get_empty_value_display())
