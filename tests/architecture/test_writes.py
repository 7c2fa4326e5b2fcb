"""Ways around the doors that nobody takes: silent bulk writes, unguarded I/O, signals as rules, unsafe text."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import at, imported, nodes, records
from workflows.catalogue import MisusedMachine, Record, RecordQuerySet

BULK = {"update", "bulk_create", "bulk_update"}
MANAGERS = {"objects", "_base_manager", "_default_manager"}
#: Starts and stops the processes of ``make run``; no request and no step ever runs in it.
QUICKSTART = "careops/quickstart/"
DOORS_OUT = ("careops/lib/outbound.py", "patients/channels.py", QUICKSTART)
NETWORK = (
    "requests",
    "urllib.request",
    "urllib3",
    "http.client",
    "httpx",
    "aiohttp",
    "smtplib",
    "ftplib",
    "telnetlib",
)


# ── Rows are written where their events are ───────────────────────────────────────────────────────────────
@pytest.mark.parametrize("model", records(), ids=lambda model: model._meta.label)
def test_every_record_refuses_writes_nobody_would_hear_of(model: type[Record]) -> None:
    rows = model._default_manager.all()
    assert isinstance(rows, RecordQuerySet)
    for write in (
        lambda: rows.update(version=1),
        lambda: rows.bulk_create([]),
        lambda: rows.bulk_update([], ["version"]),
    ):
        with pytest.raises(MisusedMachine):
            write()


def test_no_record_is_written_in_bulk_through_another_manager() -> None:
    names = {model.__name__ for model in records()}
    found = [
        at(path, node)
        for path, node in nodes(ast.Call, beside=("workflows/catalogue/",))
        if isinstance(node, ast.Call) and _is_bulk_write(node, names)
    ]
    assert found == []


def _is_bulk_write(call: ast.Call, models: set[str]) -> bool:
    """``Task._base_manager.filter(…).update(…)``, but not ``Task.moves().update(…)``."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in BULK:
        return False
    chain = set(_chain(call.func.value))
    return bool(chain & models and chain & MANAGERS)


def _chain(node: ast.AST) -> Iterator[str]:
    """The names of ``Task._base_manager.filter(…)``, from the right."""
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            yield node.attr
            node = node.value
        else:
            if isinstance(node, ast.Name):
                yield node.id
            return


# ── The world is spoken to through two doors ──────────────────────────────────────────────────────────────
def test_nothing_speaks_to_the_network_but_the_guarded_doors() -> None:
    found = [
        (place, what)
        for place, what in imported(beside=DOORS_OUT)
        if any(what == module or what.startswith(f"{module}.") for module in NETWORK)
    ]
    assert found == []


def test_nothing_sleeps() -> None:
    found = [place for place, what in imported(beside=(QUICKSTART,)) if what == "time.sleep"]
    assert found + list(_calls("time.sleep", beside=(QUICKSTART,))) == []


def test_nothing_is_pickled() -> None:
    assert [
        place for place, what in imported() if what.split(".")[0] in {"pickle", "shelve", "marshal"}
    ] == []


# ── Rules are code that somebody calls ────────────────────────────────────────────────────────────────────
def test_no_rule_hangs_on_a_save_signal() -> None:
    signals = {
        f"django.db.models.signals.{when}_{what}" for when in ("pre", "post") for what in ("save", "delete")
    }
    assert [place for place, what in imported() if what in signals] == []


def test_the_queue_carries_wake_ups_only() -> None:
    forbidden = {
        f"django_q.tasks.{name}"
        for name in ("schedule", "Chain", "async_chain", "AsyncTask", "Iter", "async_iter")
    }
    forbidden |= {"django_q.models.Schedule", "django_q.models.Task"}
    assert [place for place, what in imported() if what in forbidden] == []
    asked = [(path, node) for path, node in nodes(ast.Call) if "async_task" in _chain(node)]
    assert [path for path, _node in asked] == ["workflows/tasks.py"]
    words = {keyword.arg for _path, node in asked if isinstance(node, ast.Call) for keyword in node.keywords}
    assert words == {"cluster"}


# ── Text and errors ───────────────────────────────────────────────────────────────────────────────────────
def test_no_text_is_declared_safe() -> None:
    assert [place for place, what in imported() if what == "django.utils.safestring.mark_safe"] == []


def test_no_error_is_swallowed_unnamed() -> None:
    bare = [
        at(path, node)
        for path, node in nodes(ast.ExceptHandler)
        if isinstance(node, ast.ExceptHandler) and not node.type
    ]
    assert bare == []


def test_no_form_takes_every_field_there_may_ever_be() -> None:
    found = [
        at(path, node)
        for path, node in nodes(ast.Assign)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and node.value.value == "__all__"
    ]
    assert found == []


def _calls(dotted: str, beside: tuple[str, ...]) -> Iterator[str]:
    for path, node in nodes(ast.Call, beside=beside):
        if isinstance(node, ast.Call) and ".".join(reversed(list(_chain(node.func)))) == dotted:
            yield at(path, node)
