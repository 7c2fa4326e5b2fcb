"""One benchmark in this process: ``python -m benchmarks.alone NAME ANSWER``. The parent has chosen the database."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import django

from benchmarks.catalogue import named
from benchmarks.outcome import Outcome, Skipped


def main(name: str, answer: Path) -> None:
    django.setup()
    (benchmark,) = named([name])
    try:
        outcome = importlib.import_module(benchmark.module).run()
    except Skipped as reason:
        outcome = Outcome(skipped=str(reason))
    answer.write_text(json.dumps(outcome.as_json()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
