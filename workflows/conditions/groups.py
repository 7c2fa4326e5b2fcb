"""The kinds of groups, one entry each: how the conditions in them count, in Python, in SQL and in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import and_, or_
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workflows.catalogue.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupKind:
    """``holds`` is told how many of its conditions held, and of how many; ``combine`` puts two of them together in SQL,
    where ``denies`` takes each for its opposite. ``requires`` says that each condition is required by itself: the
    others may then be looked at, or left out, without it.
    """

    name: str
    holds: Callable[[int, int], bool]
    combine: Callable[[Q, Q], Q]
    #: A pattern for the whole group, the one that joins two of its conditions, and the head of a list of them.
    words: Any
    joint: Any
    head: Any
    denies: bool = False
    requires: bool = False


group_kinds: Registry[GroupKind] = Registry("Group")

AND, OR = _("%(first)s and %(second)s"), _("%(first)s or %(second)s")

for _kind in (
    GroupKind(name="all", holds=lambda held, asked: held == asked, combine=and_, requires=True,
              words=_("all of (%(conditions)s)"), joint=AND, head=_("all of these")),
    GroupKind(name="any", holds=lambda held, asked: held > 0, combine=or_,
              words=_("any of (%(conditions)s)"), joint=OR, head=_("any of these")),
    GroupKind(name="none", holds=lambda held, asked: held == 0, combine=and_, denies=True,
              words=_("none of (%(conditions)s)"), joint=OR, head=_("none of these")),
):  # fmt: skip
    group_kinds.add(_kind)
