"""results.md: what was promised, what was measured, on what and how."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalogue import Benchmark
from benchmarks.outcome import Outcome

VERDICTS = {True: "met", False: "not met", None: "–"}

HEAD = """# Results

Written by `make bench`; how to read it is in [README.md](README.md). Medians, with the least and the greatest value in
brackets. Ratios compare contenders of the same round.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One benchmark's latest outcome."""

    benchmark: Benchmark
    at: str
    machine: Mapping[str, str]
    outcome: Outcome


def page(entries: Sequence[Entry]) -> str:
    """The whole file. Entries that were measured on the same machine and version share a description."""
    parts = [HEAD, "## Promises\n", promises(entries)]
    parts += ["## Measured on\n", machines(entries)]
    parts += ["## Figures and method\n", *(section(entry) for entry in entries)]
    return "\n".join(parts).rstrip() + "\n"


def promises(entries: Sequence[Entry]) -> str:
    rows = []
    for entry in entries:
        if entry.outcome.skipped:
            rows.append((entry.benchmark.title, "", f"skipped: {entry.outcome.skipped}", VERDICTS[None]))
        rows += [
            (line.promise, line.target, line.measured, VERDICTS[line.met]) for line in entry.outcome.lines
        ]
    return table(("Promise", "Target", "Measured", "Met"), rows)


def machines(entries: Sequence[Entry]) -> str:
    rows: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for entry in entries:
        told = tuple((what, said) for what, said in entry.machine.items() if what != "busy before")
        rows.setdefault(told, []).append(entry.benchmark.name)
    texts = []
    for told, names in rows.items():
        texts.append(f"{', '.join(names)}:\n")
        texts.append(table(("", ""), list(told)))
    return "\n".join(texts)


def section(entry: Entry) -> str:
    outcome = entry.outcome
    lines = [
        f"### {entry.benchmark.title}\n",
        f"`{entry.benchmark.name}`, {entry.at}, {entry.machine['busy before']}.\n",
    ]
    lines.append(f"{method(entry.benchmark.module)}\n")
    if outcome.figures:
        lines.append(table(("Figure", ""), outcome.figures))
    lines += [f"* {note}" for note in outcome.notes]
    if outcome.notes:
        lines.append("")
    return "\n".join(lines)


def method(module: str) -> str:
    """A benchmark's module says in its own first words how it measures."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"{module} is no module.")
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text())) or ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a bar in a cell stays a bar."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
