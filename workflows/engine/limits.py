"""Every loop has a bound. Numbers from the reliability study (C4) and DESIGN §3."""

from __future__ import annotations

from datetime import timedelta

#: Events caused by events caused by events …
MAX_DEPTH = 8
#: Runs of one automation about one subject within RUNS_WINDOW.
MAX_RUNS_PER_SUBJECT = 20
RUNS_WINDOW = timedelta(hours=1)
#: Runs one event may start.
MAX_RUNS_PER_EVENT = 50
#: Steps of one automation, hence of one run: jumps only go forward.
MAX_STEPS = 100
#: Rows a batch may hold, and the seconds it may take before the rest is given back.
BATCH = 200
BATCH_SECONDS = 0.25

#: Internal steps: 1 s × 2ⁿ up to 15 minutes, eight tries in all.
STEP_TRIES = 8
STEP_DELAY_CAP = timedelta(minutes=15)


def step_delay(attempts: int) -> timedelta:
    """How long to wait after that many failed attempts (1 → 1 s, 2 → 2 s, 3 → 4 s …)."""
    return min(timedelta(seconds=2 ** (attempts - 1)), STEP_DELAY_CAP)
