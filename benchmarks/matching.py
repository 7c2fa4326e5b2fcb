"""One event, 500 live automations that listen to it, five conditions each.

The verdict: every condition of every automation judged, with what is stored of it, the facts being at hand. With facts
and storage: batches of 200 such events, which are numbered, handed over, their facts read, all of it judged, and runs
written for the two automations that match and why the other 498 do not; the transactions included, the steps left for
later.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import clinic
from benchmarks.measuring import Spread
from benchmarks.outcome import Outcome
from patients.models import Patient
from workflows.catalogue import event_facts
from workflows.conditions import Answers
from workflows.engine import following, limits
from workflows.engine.dispatch import dispatch
from workflows.engine.facts import Question, gather
from workflows.engine.plan import live_programs
from workflows.engine.program import Program
from workflows.models import EventRecord

AUTOMATIONS = 500
MATCHING = 2
ROUNDS = 7
VERDICTS = 20


def run() -> Outcome:
    patients = clinic.patients(limits.BATCH)
    for number in range(AUTOMATIONS):
        clinic.live(
            f"Automation {number:03}", "patient.onboarded", clinic.TASK, conditions=_conditions(number)
        )
    clinic.clear()
    clinic.onboarded(patients)
    event, programs = EventRecord.objects.first(), live_programs()
    outcome = Outcome()
    judged = [1000 * _judge(event, programs) for _round in range(ROUNDS)]
    outcome.at_most("one event against 500 automations: verdict and trace", 3, Spread.of(judged), "ms")
    stored = [1000 * _dispatch(patients) for _round in range(ROUNDS)]
    outcome.at_most("the same with facts and storage, in batches, per event", 10, Spread.of(stored), "ms")
    alone = [1000 * _gather(event, programs) for _round in range(ROUNDS)]
    outcome.figure("the facts of one event by themselves", alone, "ms")
    outcome.figure("questions to the patients' table in one statement", [len(_asked(programs))], "facts")
    size = clinic.count(
        "SELECT avg(pg_column_size(automations) + pg_column_size(saw) + pg_column_size(verdicts))::int "
        "FROM workflows_nonmatch"
    )
    outcome.figure("why 498 automations did not run, as stored", [size / 1024], "kB per event")
    return outcome


def _conditions(number: int) -> dict[str, Any]:
    """Five conditions, the last of which only the first automations meet."""
    wanted = 18 if number < MATCHING else 121 + number
    return {
        "all": [
            {"fact": "event.to", "operator": "equals", "value": "onboarded"},
            {"fact": "patient.has_email", "operator": "is_true"},
            {"fact": "patient.appointments", "operator": "at_most", "value": number, "parameters": {"last_days": 90}},
            {"any": [
                {"fact": "patient.city", "operator": "equals", "value": f"Town {number}"},
                {"fact": "patient.age", "operator": "at_least", "value": wanted},
            ]},
        ]
    }  # fmt: skip


def _asked(programs: list[Program]) -> set[object]:
    return {
        ref for program in programs for ref in program.conditions.fact_refs() if ref.name not in event_facts
    }


def _values(event: EventRecord, programs: list[Program]) -> dict[Any, Any]:
    refs = frozenset(ref for program in programs for ref in program.conditions.fact_refs())
    return gather([Question(event, event.occurred_at, refs, {})])[0]


def _gather(event: EventRecord, programs: list[Program]) -> float:
    began = time.perf_counter()
    _values(event, programs)
    return time.perf_counter() - began


def _judge(event: EventRecord, programs: list[Program]) -> float:
    """Seconds for all automations, the median of a few times."""
    values, taken = _values(event, programs), []
    for _turn in range(VERDICTS):
        began = time.perf_counter()
        answers = Answers(values, event.occurred_at)
        verdicts = [program.conditions.weigh(answers) for program in programs]
        stored = [verdict.trace if verdict.holds else verdict.brief for verdict in verdicts]
        taken.append(time.perf_counter() - began)
        assert len(stored) == AUTOMATIONS
        assert sum(verdict.holds for verdict in verdicts) == MATCHING
    return Spread.of(taken).median


def _dispatch(patients: list[Patient]) -> float:
    """Seconds per event of a full batch."""
    clinic.clear()
    clinic.onboarded(patients)
    began = time.perf_counter()
    number = dispatch()
    following.work("bench", at_once=False)
    taken = time.perf_counter() - began
    runs = clinic.count("SELECT count(*) FROM workflows_run WHERE automation_id IS NOT NULL")
    if (number, runs) != (len(patients), MATCHING * len(patients)):
        raise AssertionError(f"{number} events were dispatched and {runs} runs begun.")
    return taken / number
