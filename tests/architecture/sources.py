"""The repository's own files, as the architecture tests read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.apps import apps

from workflows.catalogue import Record

REPO = Path(__file__).resolve().parents[2]
PACKAGES = ("careops", "workflows", "patients", "orders", "labs")
OURS = (*PACKAGES, "templates", "static", "tests", "benchmarks", "docs", ".ci")
#: Written by others, or by Django.
FOREIGN = {"vendor", "migrations", "__pycache__", "fixtures"}


def files(*suffixes: str, within: tuple[str, ...] = OURS) -> Iterator[Path]:
    """Our files with these endings, in a stable order."""
    for top in within:
        for path in sorted((REPO / top).rglob("*")):
            if path.suffix in suffixes and path.is_file() and not FOREIGN & set(path.parts):
                yield path


def name(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax tree of every module that runs in production, by its path."""
    return {name(path): ast.parse(path.read_text()) for path in files(".py", within=PACKAGES)}


def at(path: str, node: ast.AST) -> str:
    """Where to look, as an editor understands it."""
    return f"{path}:{getattr(node, 'lineno', 0)}"


def nodes(*kinds: type[ast.AST], beside: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.AST]]:
    """Every node of these kinds, with its module's path; modules whose path begins with one of ``beside`` excepted."""
    for path, tree in modules().items():
        if not path.startswith(beside):
            yield from ((path, node) for node in ast.walk(tree) if isinstance(node, kinds))


def imported(*, beside: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Where each name is imported, and its full dotted name."""
    for path, node in nodes(ast.Import, ast.ImportFrom, beside=beside):
        if isinstance(node, ast.Import):
            yield from ((at(path, node), alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((at(path, node), f"{node.module}.{alias.name}") for alias in node.names)


def records() -> list[type[Record]]:
    """Every installed model whose changes are told, by label."""
    found = [model for model in apps.get_models() if issubclass(model, Record)]
    return sorted(found, key=lambda model: model._meta.label)
