"""The base of every model whose changes are told: it remembers what was loaded, writes what changed, and records it.

``save()`` writes only the changed fields, ``WHERE version = <loaded>``, together with the event, in one statement.
Zero rows is a Conflict. (Proved: a save of all fields undoes a colleague's transition.)
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar, NoReturn, Self

from django.db import connections, models, transaction
from django.db.models.sql.subqueries import UpdateQuery

from careops.lib.clock import Now
from careops.lib.ids import uuid7
from workflows.catalogue.errors import Conflict, MisusedMachine
from workflows.catalogue.event import Event, events
from workflows.catalogue.recording import Draft, draft, sink


class RecordQuerySet(models.QuerySet[Any]):
    """A queryset that refuses the bulk writes nobody would hear of."""

    def _refuse(self, call: str, instead: str) -> NoReturn:
        raise MisusedMachine(
            f"{self.model.__name__}.{call}() would change records without an event: {instead}."
        )

    def update(self, **kwargs: Any) -> int:
        self._refuse("update", "save them one by one, or perform() a transition")

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[Any]:
        self._refuse("bulk_create", "use create_many()")

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        self._refuse("bulk_update", "save them one by one")

    def delete(self) -> tuple[int, dict[str, int]]:
        self._refuse("delete", "delete them one by one")


class Record(models.Model):
    """A model whose creation, change and deletion are events. Name them in the class; None means nobody is told."""

    created_event: ClassVar[Event | None] = None
    updated_event: ClassVar[Event | None] = None
    deleted_event: ClassVar[Event | None] = None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = RecordQuerySet.as_manager()

    class Meta:
        abstract = True

    #: Fields that save() looks after itself.
    BOOKKEEPING: ClassVar[frozenset[str]] = frozenset({"version", "created_at", "updated_at"})

    _loaded: dict[str, Any]
    _drafts: list[Draft]

    # ── What was loaded ──────────────────────────────────────────────────────────────────────────────────
    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any
    ) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        instance._remember()
        return instance

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._remember()

    def _remember(self) -> None:
        deferred = self.get_deferred_fields()
        self._loaded = {
            field.attname: copy.deepcopy(value) if isinstance(value, dict | list) else value
            for field in self._meta.concrete_fields
            if field.attname not in deferred
            for value in (self.__dict__[field.attname],)
        }

    def changed_fields(self) -> frozenset[str]:
        """Names of the fields whose value differs from what was loaded."""
        return frozenset(
            field.name
            for field in self._meta.concrete_fields
            if field.attname in self._loaded
            and field.name not in self.BOOKKEEPING
            and self.__dict__.get(field.attname) != self._loaded[field.attname]
        )

    # ── Saving ───────────────────────────────────────────────────────────────────────────────────────────
    def save(
        self, *, update_fields: Iterable[str] | None = None, using: str | None = None, **kwargs: Any
    ) -> None:
        """Write what changed and record it, in one transaction; nothing changed means nothing is written.

        Raises Conflict when somebody else saved the record after it was loaded.
        """
        if self._state.adding:
            self._save_new(using=using, **kwargs)
            return
        fields = self._fields_to_write(self.changed_fields() if update_fields is None else
                                       self.changed_fields() & set(update_fields))  # fmt: skip
        if not fields:
            return
        self._drafts = self._drafts_for(fields)
        self.version = self._loaded["version"] + 1
        try:
            super().save(update_fields=[*sorted(fields), "version"], using=using)
        except BaseException:
            self.version = self._loaded["version"]
            raise
        finally:
            drafts, self._drafts = self._drafts, []
        self._after_write()
        sink().recorded(drafts)

    def _save_new(self, using: str | None, **kwargs: Any) -> None:
        with transaction.atomic(using=using):
            super().save(using=using, force_insert=True)
            self._after_write()
            if told := self._created_drafts():
                sink().record(told)

    def _fields_to_write(self, changed: frozenset[str]) -> frozenset[str]:
        return changed

    def _after_write(self) -> None:
        self._remember()

    def _drafts_for(self, fields: frozenset[str]) -> list[Draft]:
        told = self._field_drafts(fields)
        rest = fields.difference(*(each.event.fields for each in told))
        if rest and self.updated_event:
            told.append(draft(self.updated_event, self, data=_changed(self.updated_event, rest)))
        return told

    def _field_drafts(self, fields: frozenset[str]) -> list[Draft]:
        """The events that tell of edits of just these fields."""
        return [
            draft(event, self, data=_changed(event, fields.intersection(event.fields)))
            for event in events.of_fields(self._meta.label)
            if fields.intersection(event.fields) and (event.when is None or event.when(self))
        ]

    def _created_drafts(self) -> list[Draft]:
        return [draft(self.created_event, self, data=self.created_data())] if self.created_event else []

    def created_data(self) -> dict[str, Any]:
        """What the created event carries; never clinical content."""
        return {}

    def _do_update(  # type: ignore[override]  # the stubs describe Django 6
        self, base_qs: Any, using: str, pk_val: Any, values: Any, update_fields: Any, forced_update: bool
    ) -> bool:
        """Django's hook for the UPDATE of a save: ours checks the version and inserts the events beside it.

        One round trip instead of two keeps the price of an event near a tenth of the transition (ADR 0002).
        """
        query = base_qs.filter(pk=pk_val, version=self._loaded["version"]).query.chain(UpdateQuery)
        query.add_update_fields([*values, (self._meta.get_field("updated_at"), None, Now())])
        sql, params = query.get_compiler(using).as_sql()
        changed = f"WITH changed AS ({sql} RETURNING updated_at)"
        if self._drafts:
            insert, more = sink().inserting(self._drafts)
            statement = f"{changed}, told AS ({insert}) SELECT updated_at, {sink().waking()} FROM changed"  # noqa: S608
        else:
            statement, more = f"{changed} SELECT updated_at FROM changed", []  # noqa: S608
        with connections[using].cursor() as cursor:
            cursor.execute(statement, [*params, *more])
            row = cursor.fetchone()
        if row is None:
            raise Conflict(str(self))
        self.updated_at = row[0]
        return True

    @classmethod
    def create_many(cls, records: Sequence[Self], *, batch_size: int = 1000) -> list[Self]:
        """Insert all of them and record their created events, in one transaction."""
        with transaction.atomic():
            created: list[Self] = models.QuerySet[Any](cls).bulk_create(records, batch_size=batch_size)
            told: list[Draft] = []
            for record in created:
                record._remember()
                told += record._created_drafts()
            if told:
                sink().record(told)
        return created

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            if self.deleted_event:
                sink().record([draft(self.deleted_event, self)])
            return super().delete(*args, **kwargs)


def _changed(event: Event, fields: Iterable[str]) -> dict[str, Any]:
    return {"changed": sorted(fields)} if "changed" in event.carries else {}
