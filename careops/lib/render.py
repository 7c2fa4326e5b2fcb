"""Text written by staff: Liquid over plain data, nothing else.

A template sees dictionaries, lists and scalars that were checked to be just that, so there is no attribute
to walk and nothing to call. Tags and filters are an allow-list; every string, list and loop has a ceiling and
the whole a time limit, so no template can hold up a worker.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from liquid.ast import Node
from liquid.builtin.expressions import LoopExpression, Path
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, ResourceLimitError, UndefinedError
from liquid.expression import Expression
from liquid.static_analysis import TemplateAnalysis, Variable
from liquid.template import BoundTemplate

from .liquid_environment import LIMIT_CHARACTERS, LIMIT_ITEMS, LimitExceeded, environment

LIMIT_TEMPLATE = 20_000  # characters
LIMIT_DEPTH = 10
_SCALARS = {str, int, float, bool, type(None), date, datetime, Decimal}


class RenderError(Exception):
    """The text cannot be made. ``message`` is for staff; like the error itself it quotes no value.

    ``reason_code``: ``syntax``, ``missing``, ``limit``, ``shadowed``, ``line_break`` or ``failed``.
    """

    def __init__(self, reason_code: str, message: str | Promise) -> None:
        super().__init__(reason_code)
        self.reason_code = reason_code
        self.message = message


class MissingValue(RenderError):
    """``name`` has no value and the template names no default for it."""

    def __init__(self, name: str) -> None:
        super().__init__("missing", _("A value has no content and the text gives no default for it."))
        self.name = name

    def __str__(self) -> str:
        return self.name


def check(template: str, declared: Collection[str]) -> None:
    """Raise ``ValidationError`` with everything that is wrong with ``template``, line by line.

    ``declared`` holds the names a template may use, dotted where they are nested ("patient.first_name"). What
    lies below a declared name may be used too; what lies above may not.
    """
    parsed = _parse(template, html=False)
    errors = [*_unknown_names(parsed, declared), *_unknown_filters(parsed)]
    for name in parsed.locals & {name.split(".")[0] for name in declared}:
        message = _("“%(name)s” is the name of a value: choose another name for “assign” or “capture”.")
        errors.append(ValidationError(message, code="shadowed", params={"name": name}))
    if errors:
        raise ValidationError(errors)


def used(template: str, declared: Collection[str]) -> frozenset[str]:
    """The declared names that ``template`` speaks of, in a condition or a filter too."""
    analysis = _parse(template, html=False).analysis
    found = (_declared(variable, declared) for each in analysis.globals.values() for variable in each)
    return frozenset(name for name in found if name)


def render(template: str, values: Mapping[str, object], *, html: bool = False) -> str:
    """Fill in ``template``; with ``html`` every value is escaped.

    ``values`` may be nested or have dotted names. It must hold declared values only, times already in the
    reader's zone. None means that there is no value: a template that prints it without ``| default: "…"``
    raises ``MissingValue``. Anything but plain data is a ``TypeError``; other failures are a ``RenderError``.
    """
    data = _nested(values)
    try:
        parsed = _parse(template, html=html)
    except ValidationError:
        raise RenderError("syntax", _("The text has a mistake; check it again.")) from None
    if parsed.locals & data.keys():
        raise RenderError("shadowed", _("The text uses the name of a value for something of its own."))
    try:
        return parsed.template.render(data)
    except UndefinedError as error:
        raise MissingValue(str(error.args[0])) from None
    except (ResourceLimitError, LimitExceeded, RecursionError):
        raise RenderError("limit", _("The text is too long or takes too much work.")) from None
    except Exception:  # noqa: BLE001  # filters let arithmetic and type errors through; these quote values
        raise RenderError("failed", _("A filter in the text does not fit its value.")) from None


def one_line(text: str) -> str:
    """``text`` as it is, for a subject or a header; ``RenderError`` if it holds a line break or a NUL."""
    if "\0" in text or text.splitlines() not in ([], [text]):
        raise RenderError("line_break", _("This text must fit on one line."))
    return text


# ── Reading a template ────────────────────────────────────────────────────────────────────────────────────


class _Parsed(NamedTuple):
    source: str
    template: BoundTemplate
    analysis: TemplateAnalysis
    locals: set[str]

    def line(self, index: int) -> int:
        return self.source.count("\n", 0, index) + 1


@functools.lru_cache(maxsize=256)
def _parse(source: str, *, html: bool) -> _Parsed:
    """Parse and apply the rules that hold for every template; raises ``ValidationError``."""
    if len(source) > LIMIT_TEMPLATE:
        raise ValidationError(
            _("The text is longer than %(limit)s characters."), params={"limit": LIMIT_TEMPLATE}
        )
    try:
        template = environment(html=html).from_string(source)
        for expression in _expressions(template.nodes, RenderContext(template)):
            _check_expression(source, expression)
        analysis = template.analyze()
    except (LiquidError, RecursionError) as error:
        raise _syntax_error(source, error) from None
    return _Parsed(source, template, analysis, set(analysis.locals))


def _expressions(nodes: Iterable[Node], context: RenderContext) -> Iterator[Expression]:
    for node in nodes:
        for expression in node.expressions():
            yield from _descend(expression)
        yield from _expressions(node.children(context, include_partials=False), context)


def _descend(expression: Expression) -> Iterator[Expression]:
    yield expression
    for child in expression.children():
        if isinstance(expression, LoopExpression) and isinstance(child, RangeLiteral):
            yield from (each for bound in child.children() for each in _descend(bound))
        else:
            yield from _descend(child)


def _check_expression(source: str, expression: Expression) -> None:
    """Ranges belong into loops, where they are counted; names are fixed, so that they can be checked."""
    if isinstance(expression, RangeLiteral):
        problem = _("Line %(line)s: a range can only be used in “for”.")
    elif isinstance(expression, Path) and any(isinstance(segment, Path) for segment in expression.path):
        problem = _("Line %(line)s: a name in square brackets must be a number or be quoted.")
    else:
        return
    line = source.count("\n", 0, expression.token.start_index) + 1
    raise ValidationError(problem, code="syntax", params={"line": line})


def _syntax_error(source: str, error: LiquidError | RecursionError) -> ValidationError:
    token = getattr(error, "token", None)
    if isinstance(error, RecursionError) or token is None:
        return ValidationError(_("The text is nested too deeply or is not Liquid."), code="syntax")
    end = (
        token.start_index if token.start_index >= 0 else len(source)
    )  # negative: the text itself ended too early
    line = source.count("\n", 0, end) + 1
    message = _("Line %(line)s: %(problem)s")
    return ValidationError(message, code="syntax", params={"line": line, "problem": error.args[0]})


def _unknown_names(parsed: _Parsed, declared: Collection[str]) -> Iterator[ValidationError]:
    for variables in parsed.analysis.globals.values():
        for variable in variables:
            if _declared(variable, declared) is None:
                yield _unknown(".".join(_path(variable)), declared, parsed.line(variable.span.index))


def _path(variable: Variable) -> list[str]:
    return [str(segment) for segment in variable.segments]


def _declared(variable: Variable, declared: Collection[str]) -> str | None:
    """The declared name that the variable is, or lies below."""
    path = _path(variable)
    names = (".".join(path[:length]) for length in range(1, len(path) + 1))
    return next((name for name in names if name in declared), None)


def _unknown_filters(parsed: _Parsed) -> Iterator[ValidationError]:
    known = parsed.template.env.filters
    for name, spans in parsed.analysis.filters.items():
        if name not in known:
            yield _unknown(name, known, parsed.line(spans[0].index))


def _unknown(name: str, known: Collection[str], line: int) -> ValidationError:
    near = get_close_matches(name, known, n=3)
    message = _("Line %(line)s: “%(name)s” is not known.")
    if near:
        message = _("Line %(line)s: “%(name)s” is not known. Did you mean %(near)s?")
    return ValidationError(
        message, code="unknown", params={"line": line, "name": name, "near": ", ".join(near)}
    )


# ── Plain data ────────────────────────────────────────────────────────────────────────────────────────────


def _nested(values: Mapping[str, object]) -> dict[str, Any]:
    """A copy, dotted names unfolded and absent values left out; ``TypeError`` for anything not plain."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *parents, leaf = name.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
            if type(branch) is not dict:
                raise TypeError(f"{name} lies below a name that has a value of its own")
        if leaf in branch:
            raise TypeError(f"{name} is given twice")
        if value is not None:
            branch[leaf] = _plain(value, 1)
    return tree


def _plain(value: object, depth: int) -> object:
    """A deep copy of plain data. Exact types: a subclass may hide a method, or claim to be safe HTML."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str | list | dict):
        limit = LIMIT_CHARACTERS if isinstance(value, str) else LIMIT_ITEMS
        if len(value) > limit or depth > LIMIT_DEPTH:
            raise RenderError("limit", _("A value is too long."))
    if type(value) in _SCALARS:
        return value
    if type(value) is list:
        return [_plain(item, depth + 1) for item in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {key: _plain(item, depth + 1) for key, item in value.items() if item is not None}
    raise TypeError(f"{type(value).__name__} is not plain data")
