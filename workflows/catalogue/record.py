"""The base of every model whose changes are told: it remembers what was loaded, writes what changed, and records it.

``save()`` writes only the changed fields, ``WHERE version = <loaded>``, together with the event, in one statement.
Zero rows is a Conflict. (Proved: a save of all fields undoes a colleague's transition.) No edit is dropped silently: what
was not written stays an edit, and a record whose save was rolled back refuses the next one until it is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, NoReturn, Self
from uuid import UUID

from django.db import connections, models, router, transaction
from django.db.models.base import ModelBase
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql.subqueries import UpdateQuery

from careops.lib.bulk import insert_many
from careops.lib.clock import Now
from careops.lib.ids import uuid7
from careops.lib.rows import Row, held_by
from workflows.catalogue.errors import Conflict, MisusedMachine
from workflows.catalogue.event import Event, events
from workflows.catalogue.pending import Pending
from workflows.catalogue.recording import Cause, Draft, because_of, cause, draft, sink


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


#: Most values are one of these: what is loaded need not be looked at twice. Every row of every list passes here.
UNCHANGING = frozenset({str, int, bool, type(None), UUID, datetime, date})


class _NoRow(Exception):
    """The UPDATE found no row with the version that was loaded."""


class Record(Row):
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

    _loaded: Mapping[str, Any] = {}  # attname → value; replaced, never changed: copies of the record share it
    _pending: Pending | None = None
    _drafts: Sequence[Draft] = ()

    # ── What was loaded ──────────────────────────────────────────────────────────────────────────────────
    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any
    ) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        instance._remember()
        return instance

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        """Read everything again, or just these fields: edits of the others stay edits."""
        if fields is not None:
            names = set(fields)
            super().refresh_from_db(using, names, from_queryset)
            fresh = {each.attname for each in self._meta.concrete_fields if {each.name, each.attname} & names}
            # Django reads deferred fields through here too: a version younger than the row proves nothing.
            self._remember(fresh if "version" in self._loaded else fresh - {"version"})
            return
        if from_queryset is not None and from_queryset.query.deferred_loading[0]:
            raise MisusedMachine("To read a part of a record again, name it in fields.")
        super().refresh_from_db(using, None, from_queryset)
        self._remember()
        # What is read in the transaction of a save may be rolled back with it.
        self._pending = self._pending and Pending.now(self._state.db)

    def _remember(self, attnames: Collection[str] | None = None) -> None:
        """These fields (all that are not deferred, unless named) hold what the database holds."""
        loaded = {} if attnames is None else dict(self._loaded)
        held = self.__dict__
        for name in held_by(type(self)) if attnames is None else attnames:
            if name not in held:
                continue
            value = held[name]
            if type(value) in UNCHANGING:
                loaded[name] = value
            elif hasattr(value, "resolve_expression"):
                # F("fence") + 1: only the database knows what came of it. Deferred: it is read when asked for.
                del held[name]
                loaded.pop(name, None)
            else:
                loaded[name] = _apart(value)
        self._loaded = loaded

    def changed_fields(self) -> frozenset[str]:
        """Names of the fields whose value differs from what was loaded, or was set without having been loaded."""
        held = [field for field in self._meta.concrete_fields if field.attname in self.__dict__]
        return frozenset(
            field.name
            for field in held
            if field.name not in self.BOOKKEEPING
            and (
                field.attname not in self._loaded
                or _differ(field, self.__dict__[field.attname], self._loaded[field.attname])
            )
        )

    # ── Saving ───────────────────────────────────────────────────────────────────────────────────────────
    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Write what changed and record it, in one transaction; nothing changed means nothing is written.

        Raises Conflict when somebody else saved the record after it was loaded, or when an earlier save of this
        instance was rolled back; it leaves a surrounding transaction usable. Read the record again and decide anew.
        """
        using = using or router.db_for_write(type(self), instance=self)
        # Somebody assigned first and saved afterwards has got a key only now.
        self._prepare_related_fields_for_save(operation_name="save")  # type: ignore[attr-defined]  # unknown to the stubs
        if self._state.adding or force_insert:
            self._save_new(using, force_insert or True)
            return
        if self._pending and self._pending.rolled_back():
            conflict = Conflict(str(self))
            conflict.add_note("The transaction of its last save was rolled back: read it again first.")
            raise conflict
        changed = self.changed_fields()
        if update_fields is not None:
            changed &= self._named(update_fields)
        fields = self._fields_to_write(changed)
        if not fields:
            return
        if "version" not in self._loaded:
            raise MisusedMachine(
                f"{type(self).__name__} was read without its version: read all, or it as well."
            )
        self._drafts = self._drafts_for(fields)
        self.version = self._loaded["version"] + 1
        try:
            super().save(update_fields=[*sorted(fields), "version"], using=using)
        except BaseException as failure:
            self.version = self._loaded["version"]
            if not isinstance(failure, _NoRow):
                raise
            if connections[using].in_atomic_block:
                # Django has marked the transaction as spoilt, but our statement ran well and touched no row.
                transaction.set_rollback(False, using)
            raise Conflict(str(self)) from None
        finally:
            drafts, self._drafts = self._drafts, ()
        self._after_write()
        written = {field.attname for field in self._meta.concrete_fields if field.name in fields}
        self._remember(written | self.BOOKKEEPING)
        self._pending = Pending.now(using)
        sink().recorded(drafts)

    def _named(self, update_fields: Iterable[str]) -> frozenset[str]:
        """The names of these fields, each given by name or attname. Raises ValueError for what cannot be saved."""
        fields = [field for field in self._meta.concrete_fields if not field.primary_key]
        names = {key: field.name for field in fields for key in (field.name, field.attname)}
        asked = set(update_fields)
        if unknown := asked - names.keys():
            raise ValueError(f"{type(self).__name__} has no fields to save called {sorted(unknown)}.")
        return frozenset(names[key] for key in asked)

    def _save_new(self, using: str, force_insert: bool | tuple[ModelBase, ...]) -> None:
        adding = self._state.adding
        try:
            with transaction.atomic(using=using, savepoint=False):
                super().save(using=using, force_insert=force_insert)
                self._after_write()
                self._remember()
                sink().recorded(self._drafts)
        except BaseException:
            self._state.adding = adding  # Django has set it as soon as the row was there
            raise
        finally:
            self._drafts = ()
        self._pending = Pending.now(using)

    def _fields_to_write(self, changed: frozenset[str]) -> frozenset[str]:
        return changed

    def _after_write(self) -> None:
        """A subclass's turn after the write, before what it wrote counts as loaded."""

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

    def _do_insert(
        self, manager: Any, using: str, fields: Any, returning_fields: Any, raw: bool
    ) -> list[tuple[Any, ...]]:
        """Django's hook for the INSERT of a save: ours inserts the events beside it.

        Returns what the database chose: two moments at least, which every record has.
        """
        written = _insert(type(self), [(field, field.pre_save(self, True)) for field in fields], using)
        self._drafts = self._created_drafts()
        return self._write(*written, [field.column for field in returning_fields], using)

    def _do_update(  # type: ignore[override]  # the stubs describe Django 6
        self, base_qs: Any, using: str, pk_val: Any, values: Any, update_fields: Any, forced_update: bool
    ) -> bool:
        """Django's hook for the UPDATE of a save: ours checks the version and inserts the events beside it.

        One round trip instead of two keeps the price of an event near a tenth of the transition (ADR 0002).
        """
        sql, params = _update(type(self), values, using)
        written = self._write(sql, [*params, pk_val, self._loaded["version"]], ["updated_at"], using)
        if not written:
            raise _NoRow
        self.updated_at = written[0][0]
        return True

    def _write(
        self, sql: str, params: Sequence[Any], columns: Sequence[str], using: str
    ) -> list[tuple[Any, ...]]:
        """Write the row and, in the same statement, what is told of it. Returns these columns, or nothing for no row."""
        returned = ", ".join(f'"{column}"' for column in columns)
        statement = f"WITH changed AS ({sql} RETURNING {returned})"
        more: Sequence[Any] = ()
        if self._drafts:
            insert, more = sink().inserting(self._drafts)
            statement += f", told AS ({insert})"
            returned += f", {sink().waking()}"
        with connections[using].cursor() as cursor:
            cursor.execute(f"{statement} SELECT {returned} FROM changed", [*params, *more])  # noqa: S608  (ours)
            return list(cursor.fetchall())

    @classmethod
    def create_many(cls, records: Sequence[Self], *, causes: Sequence[Cause] = ()) -> list[Self]:
        """Insert all of them and record their created events, in one transaction.

        ``causes`` are the records' own, in their order, where not one and the same thing brought all of them about.
        """
        with transaction.atomic(savepoint=False):
            insert_many(records)
            told: list[Draft] = []
            pending = Pending.now()
            for index, record in enumerate(records):
                record._remember()
                record._pending = pending
                with because_of(causes[index] if causes else cause()):
                    told += record._created_drafts()
            if told:
                sink().record(told)
        return list(records)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            if self.deleted_event:
                sink().record([draft(self.deleted_event, self)])
            return super().delete(*args, **kwargs)


# Django would compile the statement anew for each save, which takes as long as carrying it out.
def _insert(model: type[Record], values: Iterable[tuple[Any, Any]], using: str) -> tuple[str, list[Any]]:
    """The INSERT of these fields and its parameters. What the database chooses is left out."""
    given = [(field, value) for field, value in values if not isinstance(value, DatabaseDefault)]
    written = [_assigned(model, field, value, using) for field, value in given]
    columns = ", ".join(f'"{field.column}"' for field, _value in given)
    return (
        f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({", ".join(sql for sql, _more in written)})',  # noqa: S608  (names of ours)
        [value for _sql, more in written for value in more],
    )


def _update(model: type[Record], values: Any, using: str) -> tuple[str, list[Any]]:
    """The UPDATE of these fields and its parameters, but for the row's id and version, which come last."""
    params: list[Any] = []
    written = []
    for field, _model, value in values:
        sql, more = _assigned(model, field, value, using)
        written.append(f'"{field.column}" = {sql}')
        params += more
    return (
        f'UPDATE "{model._meta.db_table}" SET {", ".join(written)}, updated_at = careops_now() '  # noqa: S608  (names of ours)
        f'WHERE "{model._meta.pk.column}" = %s AND version = %s',
        params,
    )


def _assigned(model: type[Record], field: Any, value: Any, using: str) -> tuple[str, list[Any]]:
    """SQL for a value of the field, and its parameters."""
    if hasattr(value, "resolve_expression"):
        return _expression(model, value, field, using)
    prepared = [field.get_db_prep_save(value, connections[using])]
    if hasattr(field, "get_placeholder"):
        return field.get_placeholder(value, None, connections[using]), prepared
    return "%s", prepared


def _expression(model: type[Record], value: Any, field: Any, using: str) -> tuple[str, list[Any]]:
    """SQL for a value the database works out, such as ``F("fence") + 1``."""
    query = UpdateQuery(model)
    compiler = query.get_compiler(using)
    compiler.pre_sql_setup()
    sql, params = compiler.compile(value.resolve_expression(query, allow_joins=False, for_save=True))
    return sql, list(params)


def _apart(value: Any) -> Any:
    """A copy that no edit of the value reaches. JSON holds nothing but this, and ``deepcopy`` takes ten times as long."""
    if isinstance(value, dict):
        return {key: _apart(each) for key, each in value.items()}
    return [_apart(each) for each in value] if isinstance(value, list) else value


def _differ(field: models.Field[Any, Any], one: Any, other: Any) -> bool:
    # To Python 1 equals True, to JSON it does not.
    return repr(one) != repr(other) if isinstance(field, models.JSONField) else bool(one != other)


def _changed(event: Event, fields: Iterable[str]) -> dict[str, Any]:
    return {"changed": sorted(fields)} if "changed" in event.carries else {}
