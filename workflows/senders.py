"""Sending: deliveries are claimed, prepared in one transaction, sent outside of any, and settled in another.

The claim reaches the disk before anything leaves the house. An attempt that vanished is sent again where the receiver
can recognise it (webhooks carry a stable id), and held for a person where it cannot (email).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from concurrent.futures import Executor, Future, as_completed
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from careops.lib import clock
from workflows.catalogue.ports import Channel, Fate, Sent, channels, ops_alert
from workflows.models import Delivery, QueueState, StepRun
from workflows.models.lease import claim, hold, note, reap

log = logging.getLogger(__name__)

#: How many go out side by side from one process.
SIDE_BY_SIDE = 8
#: Deliveries to a paused endpoint wait; nothing is lost, they go out when it is resumed.
NOT_PAUSED = (
    "(endpoint_id IS NULL OR endpoint_id IN (SELECT id FROM workflows_endpoint WHERE state <> 'paused'))"
)


def work(lane: str, worker: str, pool: Executor) -> int:
    """Send what is due in a lane. Returns how many deliveries were claimed."""
    rows = claim(Delivery, lane, SIDE_BY_SIDE, worker=worker, where=NOT_PAUSED, durable=True)
    futures: dict[Future[Sent], Delivery] = {}
    for row in rows:
        channel = channels.get(row.channel)
        prepared = _prepare(channel, row)
        if prepared is not None:
            futures[pool.submit(channel.send, prepared)] = row
    for future in as_completed(futures):
        settle(futures[future], _outcome(futures[future], future))
    return len(rows)


def _prepare(channel: Channel, row: Delivery) -> Any:
    """Whatever the channel needs to send, or None once there is nothing to send any more."""
    with transaction.atomic():
        held = hold(Delivery, [row])
        prepared = channel.prepare(held[0]) if held else None
        if held and prepared is None:
            held[0].state, held[0].finished_at, held[0].lease_until = QueueState.CANCELLED, clock.now(), None
            held[0].save()
            _wake_step(held[0])
    return prepared


def _outcome(row: Delivery, future: Future[Sent]) -> Sent:
    error = future.exception()
    if error is None:
        return future.result()
    # A bug in a channel: whether anything left the house is anybody's guess.
    log.error("Delivery %s: its channel failed with %s.", row.pk, type(error).__name__)
    return Sent(Fate.UNKNOWN if channels.get(row.channel).at_most_once else Fate.LATER, type(error).__name__)


def settle(row: Delivery, sent: Sent) -> None:
    """Write down what became of an attempt, while it is still ours."""
    with transaction.atomic():
        for held in hold(Delivery, [row]):
            channel = channels.get(held.channel)
            at = clock.now()
            held.log = note(held, at=at, error="" if sent.fate is Fate.SENT else sent.detail,
                            extra={"status": sent.status})  # fmt: skip
            held.status, held.lease_until, held.error = sent.status, None, sent.detail
            _decide(held, sent, channel, at)
            held.save()
            final = held.state != QueueState.DUE
            channel.settle(held, sent, final=final)
            if final:
                _wake_step(held)


def _decide(row: Delivery, sent: Sent, channel: Channel, at: Any) -> None:
    if sent.fate is Fate.SENT:
        row.state, row.finished_at, row.result, row.error = QueueState.DONE, at, dict(sent.result or {}), ""
    elif sent.fate is Fate.UNKNOWN:
        row.state, row.finished_at, row.error_code = QueueState.HELD, at, "outcome_unknown"
    elif sent.fate is Fate.REFUSED or row.attempts >= len(channel.delays):
        row.attempts += 1
        row.state, row.finished_at, row.error_code = QueueState.FAILED, at, str(sent.status or sent.fate)
    else:
        delay = sent.retry_after or channel.delays[row.attempts] * random.uniform(0.8, 1.2)  # noqa: S311
        row.attempts += 1
        row.state, row.due_at, row.error_code = QueueState.DUE, at + timedelta(seconds=delay), "will_retry"
    if row.state in (QueueState.HELD, QueueState.FAILED):
        _tell(row)


def _tell(row: Delivery) -> None:
    """A dead letter or an unknown outcome needs a person; the step that waits for it says the rest."""
    held = row.state == QueueState.HELD
    ops_alert(
        key=f"delivery:{row.pk}:{row.state}",
        title=_("It is unknown whether a message was sent")
        if held
        else _("A message could not be delivered"),
        detail=_("Delivery %(id)s (%(channel)s): look at it, then settle it or send it again.")
        % {"id": row.pk, "channel": row.channel},
    )


def _wake_step(row: Delivery) -> None:
    """The step that waits for this delivery's answer is due again."""
    StepRun.objects.filter(awaits=row.key, state=QueueState.WAITING).update(
        state=QueueState.DUE, rested=True, due_at=clock.now()
    )


def reap_lost() -> int:
    """Take back deliveries whose worker vanished: sent again where that is safe, held for a person where it is not."""
    once = tuple(channel.name for channel in channels if channel.at_most_once)
    names = ", ".join(f"'{name}'" for name in once) or "''"
    again = reap(Delivery, where=f"channel NOT IN ({names})")
    for row in again:
        if row.state == QueueState.FAILED:
            _tell(row)
            _wake_step(row)
    return len(again) + _hold_lost(once)


def _hold_lost(once: Sequence[str]) -> int:
    lost = Delivery.objects.raw(
        "SELECT * FROM workflows_delivery WHERE state = 'running' AND lease_until < statement_timestamp() "
        "AND channel = ANY(%s)",
        [list(once)],
    )
    vanished = Sent(Fate.UNKNOWN, _("The worker vanished while sending."))
    rows = list(lost)
    for row in rows:
        settle(row, vanished)
    return len(rows)
