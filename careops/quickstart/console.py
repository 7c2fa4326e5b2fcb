"""What a person sees while things start: a spinner on a terminal, plain lines everywhere else."""

import contextlib
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO


class Trouble(Exception):
    """Something the person can put right: printed as one sentence that says how, never as a traceback."""


class Step:
    """One line of progress, from "Label …" to "Label: done (1.2 s)"."""

    def __init__(self, out: TextIO, label: str) -> None:
        self.out, self.label, self.note = out, label, ""
        self._frames = itertools.cycle("|/-\\")
        self._began = time.monotonic()
        self._tty = out.isatty()
        if self._tty:
            self.tick()
        else:
            self._write(f"{label} ...\n")

    def tick(self) -> None:
        """Turn the spinner; nothing moves where nobody watches (a log file, CI)."""
        if self._tty:
            seconds = int(time.monotonic() - self._began)
            self._write(f"\r\033[K{next(self._frames)} {self.label} {seconds} s")

    def close(self, *, ok: bool) -> None:
        outcome = (self.note or "done") if ok else "failed"
        start = "\r\033[K" if self._tty else ""
        self._write(f"{start}{self.label}: {outcome} ({time.monotonic() - self._began:.1f} s)\n")

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


class Console:
    """Everything goes to one stream, so that stdout stays free for what a wrapped command prints."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stderr

    def say(self, text: str = "") -> None:
        self.out.write(f"{text}\n")
        self.out.flush()

    @contextlib.contextmanager
    def step(self, label: str) -> Iterator[Step]:
        step = Step(self.out, label)
        done = False
        try:
            yield step
            done = True
        finally:
            step.close(ok=done)

    def command(self, label: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> str:
        """Run `argv` under the spinner and return what it printed; its output is shown only when it fails."""
        with self.step(label) as step, tempfile.TemporaryFile() as output:
            code = _finish(argv, env, cwd, output.fileno(), step)
            output.seek(0)
            text = output.read().decode(errors="replace").strip()
            if code:
                raise Trouble(f"{label} did not work (exit code {code}). It said:\n{last_lines(text)}")
            step.note = text.splitlines()[-1] if text else ""
            return text


def _finish(argv: Sequence[str], env: Mapping[str, str], cwd: Path, output: int, step: Step) -> int:
    process = subprocess.Popen(  # noqa: S603 (our own command lines)
        argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    )
    try:
        while True:
            step.tick()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=0.15)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def last_lines(text: str, count: int = 20) -> str:
    """The end of a log, indented: the reason is nearly always there."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-count:])
