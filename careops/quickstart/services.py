"""Long-running children: each in a process group of its own, so that whatever it started stops with it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from careops.quickstart.console import Trouble, last_lines

POLITE_SECONDS = 20  # the worker allows its own children ten


class Service:
    """One child and its log. Its group id is its process id, because it starts a session."""

    def __init__(
        self, name: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path
    ) -> None:
        self.name, self.log = name, log
        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 (our own command lines)
                argv,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """A child that is gone is trouble, whatever its exit code: none of them ends by itself."""
        if (code := self.process.poll()) is not None:
            said = last_lines(self.log.read_text(errors="replace"))
            raise Trouble(
                f"{self.name} ended by itself (exit code {code}). Its log, {self.log}, ends with:\n{said}"
            )

    def signal(self, how: signal.Signals) -> bool:
        """Tell the whole group; False when nobody is left in it."""
        try:
            os.killpg(self.process.pid, how)
        except ProcessLookupError:
            return False
        return True

    def group_is_gone(self) -> bool:
        self.process.poll()  # a child nobody waited for still counts as a member
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


class Services:
    """The children of one run; leaving the block stops them all, politely first."""

    def __init__(self) -> None:
        self.children: list[Service] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + POLITE_SECONDS
        while not _gone(self.children) and time.monotonic() < deadline:
            time.sleep(0.05)  # between two looks at children that were asked to go, up to the deadline
        for child in self.children:
            child.signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(timeout=5)

    def check(self) -> None:
        for child in self.children:
            child.check()


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signals() -> None:
    """SIGTERM and a closed terminal end everything exactly as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, interrupt)


def ignore_signals() -> None:
    """While stopping, a second Ctrl-C must not leave half of it running."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def foreground(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> int:
    """Hand the terminal to a command: Ctrl-C reaches it directly, and we outlive it to stop the database."""
    waiting: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: object) -> None:
        if number != signal.SIGINT:
            for process in waiting:
                process.send_signal(number)

    for number in SIGNALS:
        signal.signal(number, pass_on)
    process = subprocess.Popen(command, env=env, cwd=cwd)  # noqa: S603 (our own command lines)
    waiting.append(process)
    code = process.wait()
    return code if code >= 0 else 128 - code


def _gone(children: Iterable[Service]) -> bool:
    return not [child for child in children if not child.group_is_gone()]
