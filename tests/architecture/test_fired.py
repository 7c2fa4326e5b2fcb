"""The judge of full runs (fired.py) hears events, knows what is missing, and knows a full run when it sees one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.architecture.fired import HEARD, Listener, is_full, never_fired
from tests.factories.patients import TaskFactory
from workflows.catalogue import events
from workflows.models import event_recorded


def session(source: pytest.Config.ArgsSource, **options: object) -> SimpleNamespace:
    config = SimpleNamespace(args_source=source, option=SimpleNamespace(**options))
    return SimpleNamespace(config=config, shouldstop=False, shouldfail=False)


@pytest.mark.django_db
def test_it_hears_what_is_recorded() -> None:
    listener = Listener()
    event_recorded.connect(listener.hear)
    try:
        TaskFactory()
    finally:
        event_recorded.disconnect(listener.hear)
    assert {"customer.created", "task.created"} <= listener.heard


def test_it_names_what_was_not_heard_of() -> None:
    assert never_fired(set(events.names()) - {"task.created"}) == ["task.created"]
    assert never_fired(events.names()) == []


def test_it_adds_up_what_the_workers_heard() -> None:
    listener = Listener()
    for heard in (["task.created"], ["order.shipped", "task.created"]):
        listener.pytest_testnodedown(SimpleNamespace(workeroutput={HEARD: heard}))
    listener.pytest_testnodedown(SimpleNamespace())
    assert listener.heard == {"order.shipped", "task.created"}


def test_it_judges_full_runs_only() -> None:
    source = pytest.Config.ArgsSource
    assert is_full(session(source.TESTPATHS, keyword="", markexpr="", deselect=None))
    assert not is_full(session(source.ARGS))
    assert not is_full(session(source.TESTPATHS, keyword="task"))
    assert not is_full(session(source.TESTPATHS, markexpr="not browser"))
