"""Who of 1 000 000 patients is 65 or older and has not been here for three months?

The condition tree as staff would build it (the patient's age, and that they were not here in the last 90 days), counted
over the whole population by one statement, and asked of one patient after the other, trace included, for 300 of them.
Two visits per patient, 2 000 000 in all. The same question in SQL written by hand stands beside it.
"""

from __future__ import annotations

import time
from random import Random

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import clinic
from benchmarks.measuring import Spread
from benchmarks.outcome import Outcome
from careops.lib import clock
from patients.models import Patient
from workflows.conditions import Group, audience, matching, parse, values_at

ROUNDS = 9
ONE_BY_ONE = 300
QUESTION = {
    "all": [
        {"fact": "patient.age", "operator": "at_least", "value": 65},
        {"fact": "patient.has_visit", "operator": "is_false", "parameters": {"last_days": 90}},
    ]
}
BY_HAND = """
SELECT count(*) FROM patients_patient AS p WHERE p.birth_date <= current_date - interval '65 years' AND NOT EXISTS (
  SELECT 1 FROM patients_appointment AS a WHERE a.patient_id = p.id AND a.state IN ('checked_in', 'completed')
  AND a.starts_at > now() - interval '90 days' AND a.starts_at <= now())
"""


def run() -> Outcome:
    tree = parse(QUESTION)
    at = clock.now()
    with CaptureQueriesContext(connection) as asked:
        found = audience(tree, Patient, at)
    by_hand = clinic.count(BY_HAND)
    if abs(found - by_hand) > 0.002 * by_hand:  # by whose midnight somebody turns 65
        raise AssertionError(f"{found} by the condition, {by_hand} by hand.")
    outcome = Outcome()
    whole = [_count(tree) for _round in range(ROUNDS)]
    outcome.at_most("segment over 1 000 000 patients, one statement", 0.5, Spread.of(whole), "s")
    outcome.at_most("the same for one patient, with its trace", 2, Spread.of(_one_by_one(tree)), "ms")
    outcome.figure("by hand", [_by_hand() for _round in range(ROUNDS)], "s")
    outcome.figure("the first 200 of them", [_first(tree) for _round in range(ROUNDS)], "ms")
    outcome.figures.append(
        ("patients, of whom the condition holds for", f"{Patient.objects.count():,}, {found:,}")
    )
    outcome.figures.append(("statements", str(len(asked))))
    return outcome


def _count(tree: Group) -> float:
    began = time.perf_counter()
    audience(tree, Patient, clock.now())
    return time.perf_counter() - began


def _by_hand() -> float:
    began = time.perf_counter()
    clinic.count(BY_HAND)
    return time.perf_counter() - began


def _first(tree: Group) -> float:
    began = time.perf_counter()
    list(matching(tree, Patient.objects.order_by("last_name", "first_name", "id"), clock.now())[:200])
    return 1000 * (time.perf_counter() - began)


def _one_by_one(tree: Group) -> list[float]:
    """Milliseconds for each of some patients, chosen by chance. The median and its neighbours are what counts."""
    ids = list(Patient.objects.order_by("id").values_list("pk", flat=True)[:: 1_000_000 // 5000])
    taken, at = [], clock.now()
    for pk in Random(1).sample(ids, min(ONE_BY_ONE, len(ids))):
        began = time.perf_counter()
        (values,) = values_at("patients.Patient", [(pk, at)], tree.fact_refs())
        tree.evaluate(values, at)
        taken.append(1000 * (time.perf_counter() - began))
    return taken[10:]
