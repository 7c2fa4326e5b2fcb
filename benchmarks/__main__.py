"""``python -m benchmarks [NAME …]``: run all of them, or those, each in a process of its own, and write results.md."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import psycopg

from benchmarks import machine, report
from benchmarks.catalogue import BENCHMARKS, Benchmark, named
from benchmarks.outcome import Outcome
from benchmarks.places import REPO, Databases, environment, scratch


def main(words: list[str]) -> int:
    """The exit code is 1 when a benchmark broke; a promise that is not kept is a result, not an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(each.name for each in BENCHMARKS))
    try:
        chosen = named(parser.parse_args(words).names)
    except KeyError as error:
        parser.error(f"there is no benchmark {error}")
    url = os.environ.get("DATABASE_URL")
    if not url:
        parser.error(
            "DATABASE_URL names the server to measure on; `make bench` starts one where there is none"
        )
    with (scratch() / "running").open("wb") as running:
        try:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Benchmarks run already in this checkout: two at once would measure each other.")
            return 1
        broken = run(chosen, Databases(url))
    (REPO / "benchmarks" / "results.md").write_text(report.page(kept()))
    return 1 if broken else 0


def run(chosen: list[Benchmark], databases: Databases) -> int:
    """How many broke."""
    broken = 0
    for benchmark in chosen:
        say(f"{benchmark.name:<10}{benchmark.title} …")
        began, on = time.monotonic(), machine.described(databases.server())
        outcome = measure(benchmark, databases)
        broken += outcome is None
        if outcome is not None:
            keep(benchmark, outcome, on)
            tell(outcome, time.monotonic() - began)
    return broken


def measure(benchmark: Benchmark, databases: Databases) -> Outcome | None:
    """What it found; None when it broke, which its output has said."""
    answer = scratch("answers") / f"{benchmark.name}.json"
    answer.unlink(missing_ok=True)
    try:
        url = databases.fresh(benchmark.database)
        beside = databases.fresh("handful") if benchmark.database == "crowd" else ""
    except (subprocess.CalledProcessError, psycopg.Error) as error:
        say(f"  broke: its database could not be made ({error})")
        return None
    env = environment(url, BENCH_HANDFUL=beside)
    argv = [sys.executable, "-m", "benchmarks.alone", benchmark.name, str(answer)]
    try:
        code = subprocess.run(argv, cwd=REPO, env=env, timeout=benchmark.limit, check=False).returncode
    except subprocess.TimeoutExpired:
        say(f"  broke: not done after {benchmark.limit:.0f} s")
        return None
    if code or not answer.exists():
        say(f"  broke: exit code {code}")
        return None
    return Outcome.from_json(json.loads(answer.read_text()))


def keep(benchmark: Benchmark, outcome: Outcome, on: dict[str, str]) -> None:
    """Results of single benchmarks are kept, so that running one of them again replaces its part of the page only."""
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": on,
        "outcome": outcome.as_json(),
    }
    (scratch("results") / f"{benchmark.name}.json").write_text(json.dumps(entry, indent=1))


def kept() -> list[report.Entry]:
    found = []
    for benchmark in BENCHMARKS:
        path = scratch("results") / f"{benchmark.name}.json"
        if path.exists():
            entry = json.loads(path.read_text())
            outcome = Outcome.from_json(entry["outcome"])
            found.append(report.Entry(benchmark, entry["at"], entry["machine"], outcome))
    return found


def tell(outcome: Outcome, seconds: float) -> None:
    if outcome.skipped:
        say(f"  skipped: {outcome.skipped}")
    for line in outcome.lines:
        say(f"  {report.VERDICTS[line.met]:<8}{line.promise}: {line.measured} (promised {line.target})")
    for what, said in outcome.figures:
        say(f"          {what}: {said}")
    for note in outcome.notes:
        say(f"          {note}")
    say(f"          {seconds:.0f} s")


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
