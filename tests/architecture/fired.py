"""Is every declared event fired by some test? A pytest plugin that listens to a whole session and says at its end.

Only a full run can tell, so it keeps quiet when paths, ``-k``, ``-m`` or the like choose some of the tests, or when the
run was cut short. Under xdist each worker hands what it heard to the controller, which judges.

Enabled by ``pytest_plugins = ["tests.architecture.fired"]`` in tests/conftest.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

HEARD = "careops_events_heard"
#: Options that leave tests out.
CHOOSING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")


def never_fired(heard: Iterable[str]) -> list[str]:
    """The declared events that were not heard of."""
    from workflows.catalogue import events

    return sorted(set(events.names()) - set(heard))


class Listener:
    """What this process heard, and on the controller what all of them did."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.missing: list[str] = []

    def hear(self, draft: Any, **kwargs: Any) -> None:
        self.heard.add(draft.event.name)

    def pytest_sessionstart(self) -> None:
        from workflows.models import event_recorded

        event_recorded.connect(self.hear, dispatch_uid="tests.fired")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of xdist is done; one that crashed has nothing to say."""
        self.heard |= set(getattr(node, "workeroutput", {}).get(HEARD, ()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output[HEARD] = sorted(self.heard)
        elif is_full(session) and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self.missing = never_fired(self.heard)
            if self.missing:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.missing:
            terminalreporter.section("declared events that no test fires", red=True)
            for name in self.missing:
                terminalreporter.line(f"  {name}")


def is_full(session: pytest.Session) -> bool:
    """Did this session mean to run every test there is, and get to its end?"""
    config = session.config
    everywhere = config.args_source is not pytest.Config.ArgsSource.ARGS
    chosen = any(getattr(config.option, name, None) for name in CHOOSING)
    return everywhere and not chosen and not session.shouldstop and not session.shouldfail


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Listener(), "tests.architecture.fired.listener")
