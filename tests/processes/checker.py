"""What must be true once everything is quiet, whatever was killed: read from the tables and from the world outside."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from patients.models import Message, Patient, Task
from tests.processes.support import Post
from workflows.models import OVER, Automation, Delivery, EventRecord, Run, StepRun


def violations(posts: Sequence[Post] = (), letters: Sequence[str] = ()) -> list[str]:
    """Every broken promise, in words; empty when all were kept."""
    return [
        *_events(),
        *_runs(),
        *_steps(),
        *_effects(),
        *_deliveries(),
        *_posts(posts),
        *_letters(letters),
    ]


def _events() -> Iterator[str]:
    """I1, I2: one event per move of a record, and positions without a gap."""
    positions = sorted(EventRecord.objects.exclude(position=None).values_list("position", flat=True))
    if positions != list(range(1, len(positions) + 1)):
        yield "the positions of the events have gaps"
    if unnumbered := EventRecord.objects.filter(position=None).count():
        yield f"{unnumbered} events have no position"
    told = Counter(EventRecord.objects.filter(name="patient.onboarded").values_list("subject_id", flat=True))
    moved = set(Patient.objects.filter(state=Patient.State.ONBOARDED).values_list("pk", flat=True))
    yield from (f"patient {pk} was onboarded without an event" for pk in moved - set(told))
    yield from (f"an event tells of patient {pk}, who was not onboarded" for pk in set(told) - moved)
    yield from _more_than_once("patient.onboarded of patient", told)


def _runs() -> Iterator[str]:
    """I3: exactly one run per event and automation that listens to it; these automations ask no conditions."""
    for automation in Automation.objects.filter(state="live", conditions={}):
        heard = set(
            EventRecord.objects.filter(name=automation.trigger, quiet=False).values_list("pk", flat=True)
        )
        started = Counter(automation.runs.values_list("event_id", flat=True))
        yield from (f"event {pk} started no run of {automation}" for pk in heard - set(started))
        yield from (f"a run of {automation} has nothing to do with event {pk}" for pk in set(started) - heard)
        yield from _more_than_once(f"run of {automation} for event", started)
    for run in Run.objects.exclude(state=Run.State.DONE):
        yield f"run {run.pk} is {run.state}"


def _steps() -> Iterator[str]:
    """I4: every step has ended, and a run that is done has done all of them."""
    for step in StepRun.objects.exclude(state="done"):
        yield f"step {step} is {step.state} ({step.error_code})"
    for run in Run.objects.filter(state=Run.State.DONE, version__isnull=False).select_related("version"):
        planned = [step["key"] for step in run.version.definition["steps"]]
        done = list(run.steps.order_by("position").values_list("key", flat=True))
        if planned != done:
            yield f"run {run.pk} is done, but of {planned} it did {done}"


def _effects() -> Iterator[str]:
    """I4: each step that is done has exactly one effect, and there is no effect without its step."""
    done: dict[str, set[str]] = defaultdict(set)
    for run_id, key, action in StepRun.objects.filter(state="done").values_list("run_id", "key", "action"):
        done[action].add(f"run:{run_id}:{key}")
    messages = Message.objects.values_list("origin", flat=True)
    effects = {
        "create_task": Task.objects.filter(origin__startswith="run:").values_list("origin", flat=True),
        "send_email": [origin.removesuffix(":patient") for origin in messages],
        "call_webhook": Delivery.objects.filter(channel="webhook").values_list("key", flat=True),
    }
    for action, origins in effects.items():
        counted = Counter(origins)
        yield from (f"{action} of {key} is done without effect" for key in done[action] - set(counted))
        yield from (f"{action} of {key} had an effect and is not done" for key in set(counted) - done[action])
        yield from _more_than_once(action, counted)


def _deliveries() -> Iterator[str]:
    """I4, I5: everything on its way out has ended: done, or an email of unknown outcome held for a person."""
    states = dict(Message.objects.values_list("pk", "state"))
    for delivery in Delivery.objects.all():
        name = f"{delivery.channel} delivery {delivery.pk}"
        if delivery.state not in OVER:
            yield f"{name} is still {delivery.state}"
        elif delivery.channel == "webhook" and (delivery.state, delivery.status) != ("done", 200):
            yield f"{name} is {delivery.state} with answer {delivery.status}"
        elif delivery.channel == "email":
            expected = {"done": "sent", "held": "outcome_unknown"}.get(delivery.state)
            if states[delivery.subject_id] != expected:
                yield f"{name} is {delivery.state}, its message {states[delivery.subject_id]}"


def _posts(posts: Sequence[Post]) -> Iterator[str]:
    """I5: every webhook arrived at least once, always under its delivery's one id."""
    if not posts:
        return
    ours = {
        key: f"msg_{uid.hex}"
        for key, uid in Delivery.objects.filter(channel="webhook").values_list("key", "uid")
    }
    ids: dict[str, set[str]] = defaultdict(set)
    for post in posts:
        ids[post.step].add(post.webhook_id)
    yield from (f"no webhook of {key} arrived" for key in set(ours) - set(ids))
    for step, seen in ids.items():
        if seen != {ours.get(step)}:
            yield f"webhooks of {step} arrived as {sorted(seen)} instead of {ours.get(step)}"


def _letters(letters: Sequence[str]) -> Iterator[str]:
    """No email twice; none that nobody asked for; one for each that counts as sent."""
    if not letters:
        return
    emails = Delivery.objects.filter(channel="email")
    sent = {str(uid) for uid in emails.filter(state="done").values_list("uid", flat=True)}
    yield from _more_than_once("email", Counter(letters))
    yield from (f"email {uid} counts as sent and never was" for uid in sent - set(letters))
    unknown = set(letters) - {str(uid) for uid in emails.values_list("uid", flat=True)}
    yield from (f"nobody asked for email {uid}" for uid in unknown)


def _more_than_once(what: str, counted: Counter[object]) -> Iterable[str]:
    return (f"{what} {key}: {count} times" for key, count in counted.items() if count > 1)
