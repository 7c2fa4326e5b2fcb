"""What trees found out about one subject at one moment, and the one form in which that is stored:

    {"saw": {"patient.age": 61, "patient.appointments(last_days=90)": 2}, "held": "01"}

``saw`` has the answer to each question once. ``held`` says of each condition whether it held, in the order of the tree.
Which conditions those were is not repeated: published versions are kept for ever, word for word, and
``workflows.traces`` tells people both together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from workflows.conditions.refs import PAYLOAD, RESULT, FactRef
from workflows.conditions.values import canonical, plain

if TYPE_CHECKING:
    from workflows.conditions.tree import Condition


def question(fact: str, operator: str, value: Any = None, parameters: Mapping[str, Any] | None = None) -> str:
    """What a condition asks, as it was stored: conditions that ask the same share its answer.

    Foreign JSON is read as whatever a condition compares it with, so there the comparison is part of the question.
    """
    if parameters:
        fact += f"({', '.join(f'{name}={number}' for name, number in sorted(parameters.items()))})"
    return f"{fact} {operator} {value!r}" if PAYLOAD.match(fact) or RESULT.match(fact) else fact


class Answers:
    """The values about one subject at one moment. However many trees ask, each question is answered once and each
    condition judged once. ``saw`` holds the answers as JSON.
    """

    __slots__ = ("_actual", "at", "held", "saw", "values")

    def __init__(self, values: dict[FactRef, Any], at: datetime) -> None:
        self.values = values
        self.at = at.astimezone(UTC)
        self.saw: dict[str, Any] = {}
        self.held: dict[str, str] = {}
        self._actual: dict[str, Any] = {}

    def judge(self, asked: Condition) -> None:
        """Find out whether it holds."""
        question, operator, needed = asked.question, asked.operator, asked.needed
        actual = self._actual[question] if question in self._actual else self._answer(asked)
        if actual is None and not operator.judges_missing:
            holds = False
        elif operator.span is None:
            holds = operator.function(actual, needed)
        else:
            holds = operator.function(actual, operator.span(needed, self.at))
        self.held[asked.text] = "1" if holds else "0"

    def _answer(self, asked: Condition) -> Any:
        actual = self._actual[asked.question] = canonical(asked.kind, self.values.get(asked.ref))
        self.saw[asked.question] = plain(actual)
        return actual


class Verdict(NamedTuple):
    """Whether a tree holds, and why. ``saw`` may hold more than the tree asked: others shared the answers.

    ``notes`` are the engine's own reasons, such as a bound that was reached.
    """

    holds: bool
    held: str
    saw: Mapping[str, Any]
    questions: Sequence[str]
    notes: Mapping[str, str] = {}

    @property
    def trace(self) -> dict[str, Any]:
        """To be stored by itself."""
        return {"saw": {each: self.saw[each] for each in self.questions if each in self.saw}, **self.brief}

    @property
    def brief(self) -> dict[str, Any]:
        """To be stored beside others that share ``saw``, which is stored once for all of them."""
        return {"held": self.held, **self.notes}
