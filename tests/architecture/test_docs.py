"""The documentation names everything there is, points at what exists, and shows code that is really ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.sources import FOREIGN, REPO, name
from workflows.catalogue import actions, event_facts, events, facts, inbound_sources, reactions
from workflows.conditions import operators
from workflows.engine.limits import MAX_DEPTH, MAX_RUNS_PER_EVENT, MAX_RUNS_PER_SUBJECT, MAX_STEPS, STEP_TRIES

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*\bsrc=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"^```python\n# ([\w/.]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:careops|workflows|patients|orders|labs|tests|templates|static|docs)/[\w./-]+)`")
SETTING = re.compile(r"""\benv(?:\.\w+)?\(\s*["']([A-Z][A-Z0-9_]*)["']""")


@cache
def pages() -> dict[Path, str]:
    top = sorted(REPO.glob("*.md"))
    return {path: path.read_text() for path in [*top, *sorted((REPO / "docs").rglob("*.md"))]}


def text_of(*without: str) -> str:
    return "\n".join(text for path, text in pages().items() if name(path) not in without)


# ── Everything is named ───────────────────────────────────────────────────────────────────────────────────
def test_everything_declared_is_documented() -> None:
    registries = (events, facts, event_facts, actions, operators, reactions, inbound_sources)
    text = text_of()
    missing = [entry.name for registry in registries for entry in registry if f"`{entry.name}`" not in text]
    assert missing == []


def test_every_setting_is_documented() -> None:
    read = set(SETTING.findall((REPO / "careops" / "settings.py").read_text()))
    rows = (REPO / "docs" / "settings.md").read_text()
    assert [setting for setting in sorted(read) if f"`{setting}`" not in rows] == []
    assert len(read) > 15


def test_the_bounds_in_the_text_are_the_engines() -> None:
    text = " ".join((REPO / "docs" / "architecture.md").read_text().split())
    for sentence in (
        f"{MAX_DEPTH} events deep",
        f"{MAX_RUNS_PER_SUBJECT} runs of one automation about one record in an hour",
        f"{MAX_RUNS_PER_EVENT} runs from one event",
        f"{MAX_STEPS} steps in one automation",
        f"{STEP_TRIES} tries of one step",
    ):
        assert sentence in text


# ── Everything named is there ─────────────────────────────────────────────────────────────────────────────
def links() -> Iterator[tuple[Path, str]]:
    for path, text in pages().items():
        for plain, image in LINK.findall(FENCED.sub("", text)):
            target = plain or image
            if not re.match(r"[a-z]+:", target):
                yield path, target


def slugs(text: str) -> set[str]:
    """The anchors that headings get."""
    found = [heading.replace("`", "").strip().lower() for heading in HEADING.findall(FENCED.sub("", text))]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in found}


def test_every_relative_link_leads_somewhere() -> None:
    broken = []
    for path, link in links():
        target, _hash, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in slugs(file.read_text())):
            broken.append(f"{name(path)}: {link}")
    assert broken == []


def test_every_file_the_text_names_exists() -> None:
    written = {(name(path), found) for path, text in pages().items() for found in PATH.findall(text)}
    assert [(page, path) for page, path in sorted(written) if not (REPO / path).exists()] == []


def test_code_that_names_its_file_is_in_that_file() -> None:
    """A block may leave lines out with a line of dots; what it shows stands in the file word for word."""
    quoted, strange = 0, []
    for page, text in pages().items():
        for path, block in QUOTED.findall(text):
            source = (REPO / path).read_text()
            for piece in re.split(r"^\s*(?:# )?\.\.\.\n", block, flags=re.MULTILINE):
                quoted += 1
                if piece.strip("\n") not in source:
                    strange.append(f"{name(page)}: {path}: {piece.strip().splitlines()[0]}")
    assert strange == []
    assert quoted > 5


# ── Nothing that is only ours ─────────────────────────────────────────────────────────────────────────────
def test_the_text_holds_no_path_of_somebodys_machine() -> None:
    found = [
        (name(path), hit)
        for path, text in pages().items()
        for hit in re.findall(r"/(?:home|root|work|opt)/\S+", text)
    ]
    assert found == []
    assert not FOREIGN & {path.name for path in pages()}
