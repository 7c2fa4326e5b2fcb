"""One condition tree, three readings: it evaluates with a trace, compiles to SQL, and speaks English.

``parse`` builds and validates a tree; ``tree.evaluate`` judges one subject; ``matching`` finds everybody it
holds for; ``sentence`` says it. ``values_at`` and ``read_event`` fetch the values that evaluating needs.
Random trees over random rows prove in tests/workflows/test_conditions_agree.py that the readings agree.
"""

from workflows.conditions.meanings import Column, Numeric
from workflows.conditions.operators import Operator, operators, operators_for
from workflows.conditions.parsing import parse
from workflows.conditions.population import NotAPopulationQuestion, audience, matching, split
from workflows.conditions.refs import FactRef, by_model, definition, needed_to_read, ref
from workflows.conditions.resolve import read_event, values_at, values_for
from workflows.conditions.tree import Condition, Group
from workflows.conditions.verdict import Answers, Verdict, question
from workflows.conditions.words import Asked, asked, reason, sentence

__all__ = [
    "Answers",
    "Asked",
    "Column",
    "Condition",
    "FactRef",
    "Group",
    "NotAPopulationQuestion",
    "Numeric",
    "Operator",
    "Verdict",
    "asked",
    "audience",
    "by_model",
    "definition",
    "matching",
    "needed_to_read",
    "operators",
    "operators_for",
    "parse",
    "question",
    "read_event",
    "reason",
    "ref",
    "sentence",
    "split",
    "values_at",
    "values_for",
]
