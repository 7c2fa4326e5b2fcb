"""The Liquid that ``render`` speaks: which tags and filters there are, and where each of them stops."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TextIO

from django.utils import formats
from liquid import Environment, FalsyStrictUndefined
from liquid.ast import BlockNode
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.context import RenderContext
from liquid.exceptions import LiquidError
from liquid.stringify import to_liquid_string
from liquid.template import BoundTemplate
from liquid.token import TOKEN_CONTENT, TOKEN_ILLEGAL, TOKEN_OUTPUT, Token
from liquid.undefined import UNDEFINED

LIMIT_CHARACTERS = 200_000  # of any string on the way, and bytes of the result
LIMIT_ITEMS = 10_000  # of any list, and iterations of all loops together
LIMIT_SECONDS = 1.0
LIMIT_NESTING = 10
LIMIT_PATTERN = 100  # characters: strftime may write 256 times as many

TAGS = {
    TOKEN_CONTENT, TOKEN_OUTPUT, TOKEN_ILLEGAL,
    "#", "assign", "break", "capture", "case", "comment", "continue", "for", "if", "unless",
}  # fmt: skip
# Left out: what reads the clock, decodes, marks text as safe HTML, multiplies lists or is quadratic.
FILTERS = {
    "append", "capitalize", "compact", "default", "downcase", "escape", "first", "last", "lstrip", "map",
    "newline_to_br", "prepend", "remove", "reverse", "rstrip", "size", "slice", "sort", "split",
    "squish", "strip", "truncate", "truncatewords", "upcase", "url_encode", "where",
}  # fmt: skip


class LimitExceeded(Exception):
    pass


class _Missing(FalsyStrictUndefined):
    """No value: false in a condition, replaced by ``default``, an error naming the whole path elsewhere."""

    __slots__ = ()

    def __init__(
        self, name: str, *, token: Token | None, obj: object = UNDEFINED, hint: str | None = None
    ) -> None:
        super().__init__(name, token=token, obj=obj, hint=hint)
        path, separator, _rest = (hint or "").partition(" is undefined")
        self.msg = path.strip("'") if separator else name


class _Context(RenderContext):
    """Looks at the clock before each filter and each round of a loop; between two looks work is bounded."""

    __slots__ = ("ends",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ends = time.monotonic() + LIMIT_SECONDS

    def check_time(self) -> None:
        if time.monotonic() > self.ends:
            raise LimitExceeded

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self.check_time()
        apply = super().filter(name, token)

        def bounded(*args: object, **kwargs: object) -> object:
            result = apply(*args, **kwargs)
            if type(result) is list:
                _check_size(items=len(result))
            elif isinstance(result, str):
                _check_size(characters=len(result))
            return result

        return bounded


class _Template(BoundTemplate):
    context_class = _Context


class _Round(BlockNode):
    """The inside of a loop."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if isinstance(context, _Context):
            context.check_time()
        return super().render_to_output(context, buffer)


class _ForNode(ForNode):
    def __init__(
        self, token: Token, expression: LoopExpression, block: BlockNode, default: BlockNode | None = None
    ) -> None:
        super().__init__(token, expression, _Round(block.token, block.nodes), default)

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Refuse a long range before ``offset`` or ``reversed`` walks through it."""
        iterable = self.expression.iterable.evaluate(context)
        if isinstance(iterable, range):
            _check_size(items=iterable.stop - iterable.start)
        return super().render_to_output(context, buffer)


class _ForTag(ForTag):
    node_class = _ForNode


class _Environment(Environment):
    block_nesting_limit = LIMIT_NESTING
    context_depth_limit = 2 * LIMIT_NESTING
    loop_iteration_limit = LIMIT_ITEMS
    local_namespace_limit = LIMIT_CHARACTERS
    output_stream_limit = LIMIT_CHARACTERS
    template_class = _Template

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in TAGS}
        self.add_tag(_ForTag)
        self.filters = {name: function for name, function in self.filters.items() if name in FILTERS}
        for own in (_date, _join, _replace, _plus, _minus, _times, _divided_by, _round):
            self.add_filter(own.__name__.removeprefix("_"), own)

    def error(self, exc: Any, msg: str | None = None, token: Token | None = None) -> None:
        """An expression that ends too early has no position (-1): give the mistake its statement's."""
        if token is not None and isinstance(exc, LiquidError) and exc.token and exc.token.start_index < 0:
            exc.token = token
        super().error(exc, msg, token)


@functools.cache
def environment(*, html: bool) -> Environment:
    return _Environment(undefined=_Missing, autoescape=html)


def _check_size(*, items: int = 0, characters: int = 0) -> None:
    if items > LIMIT_ITEMS or characters > LIMIT_CHARACTERS:
        raise LimitExceeded


# ── Filters of our own: python-liquid's build a huge result, read a Decimal as 0, or read the clock ───────


def _text(value: object) -> str:
    return value if isinstance(value, str) else to_liquid_string(value, autoescape=False)


def _date(value: object, pattern: str = "") -> str:
    """A date, a time or ISO 8601 text, in strftime's ``pattern`` or else as the active language writes it."""
    moment = value if isinstance(value, date) else datetime.fromisoformat(str(value))
    if len(pattern) > LIMIT_PATTERN:
        raise LimitExceeded
    if pattern:
        return moment.strftime(pattern)
    return formats.date_format(moment, "DATETIME_FORMAT" if isinstance(moment, datetime) else "DATE_FORMAT")


def _join(value: list[object], separator: object = " ") -> str:
    parts, glue = [_text(item) for item in value], _text(separator)
    _check_size(characters=sum(map(len, parts)) + len(parts) * len(glue))
    return glue.join(parts)


def _replace(value: object, old: object, new: object = "") -> str:
    text, before, after = _text(value), _text(old), _text(new)
    _check_size(characters=len(text) + text.count(before) * len(after))
    return text.replace(before, after)


def _number(value: object) -> int | Decimal:
    number = value if type(value) in (int, Decimal) else Decimal(str(value))
    if not isinstance(number, int | Decimal) or (isinstance(number, int) and number.bit_length() > 256):
        raise ValueError("not a number that a text needs")
    return number


def _plus(value: object, other: object) -> int | Decimal:
    return _number(value) + _number(other)


def _minus(value: object, other: object) -> int | Decimal:
    return _number(value) - _number(other)


def _times(value: object, other: object) -> int | Decimal:
    return _number(value) * _number(other)


def _divided_by(value: object, other: object) -> int | Decimal:
    """Whole numbers give a whole number, rounded down, as everywhere in Liquid."""
    left, right = _number(value), _number(other)
    return left // right if isinstance(left, int) and isinstance(right, int) else Decimal(left) / right


def _round(value: object, digits: int = 0) -> int | Decimal:
    number = round(Decimal(_number(value)), digits)
    return number if digits > 0 else int(number)
