"""Which benchmarks there are, in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """``module`` has a ``run()`` that returns an Outcome; it is given the database that it names."""

    name: str
    title: str
    module: str
    database: str = "empty"
    #: Seconds after which it has failed.
    limit: float = 300.0


BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(name="perform", title="What an event costs a transition", module="benchmarks.perform"),
    Benchmark(
        name="backlog", title="A backlog of events, worked off", module="benchmarks.backlog", limit=900
    ),
    Benchmark(name="latency", title="From an event to its effect", module="benchmarks.latency"),
    Benchmark(name="matching", title="One event, 500 automations", module="benchmarks.matching"),
    Benchmark(name="relay", title="Webhook in, condition, webhook out", module="benchmarks.relay"),
    Benchmark(name="sending", title="Signed webhooks per worker", module="benchmarks.sending"),
    Benchmark(name="due", title="100 000 steps at once", module="benchmarks.due"),
    Benchmark(
        name="segment", title="A segment of a million", module="benchmarks.segment", database="segment"
    ),
    Benchmark(name="pages", title="Lists and pages", module="benchmarks.pages", database="crowd"),
)


def named(names: list[str]) -> list[Benchmark]:
    """Those of these names, all for none. Raises KeyError for a name that nobody has."""
    known = {each.name: each for each in BENCHMARKS}
    return [known[name] for name in names] if names else list(BENCHMARKS)
