"""Sending: deliveries are claimed, prepared in one transaction, sent outside of any, and settled in another.

The claim reaches the disk before anything leaves the house. An attempt that vanished is sent again where the receiver
can recognise it (webhooks carry a stable id), and held for a person where it cannot (email). One delivery that cannot
be prepared or settled never takes another one with it.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.lib import clock
from workflows.catalogue import acting
from workflows.catalogue.ports import Channel, Fate, Sent, channels, ops_alert
from workflows.models import Delivery, QueueState, StepRun
from workflows.models.lease import claim, hold, note, reap

log = logging.getLogger(__name__)

#: How many go out side by side from one process, and how many of them to one endpoint: a slow one stops nobody else.
SIDE_BY_SIDE = 8
PER_ENDPOINT = 4
#: Seconds to wait for an answer before looking for more work.
GLANCE = 0.05
#: Deliveries to an endpoint that is paused or switched off wait; they go out when it is resumed.
RECEIVING = (
    "(endpoint_id IS NULL OR endpoint_id IN (SELECT id FROM workflows_endpoint WHERE state = 'active'))"
)
#: The connection itself is gone: whoever called starts again, and the leases cover what was under way.
LOST = (InterfaceError, OperationalError)


class Sender:
    """One process's sending: what is on its way, and room for more."""

    def __init__(self, worker: str, pool: Executor) -> None:
        self.worker, self.pool = worker, pool
        self.under_way: dict[Future[Sent], Delivery] = {}

    def work(self, lane: str) -> int:
        """Settle what has been answered and send what is due. Returns how many deliveries moved."""
        moved = self.settle_answered(0)
        room = min(SIDE_BY_SIDE - len(self.under_way), PER_ENDPOINT)
        if room <= 0:
            return moved
        rows = self._claim(lane, room, f"NOT {at_most_once()} AND {self._receiving()}")
        if not any(channels.get(row.channel).at_most_once for row in self.under_way.values()):
            # One at a time: if this process is killed, one message at the most is left that nobody can tell of.
            rows += self._claim(lane, 1, at_most_once())
        for row in rows:
            self._send(row)
        return moved + len(rows)

    def _claim(self, lane: str, number: int, where: str) -> list[Delivery]:
        return claim(Delivery, lane, number, worker=self.worker, where=where, durable=True)

    def _receiving(self) -> str:
        """Who may be sent to now: no endpoint gets more than its share of this process."""
        sent_to = Counter(row.endpoint_id for row in self.under_way.values() if row.endpoint_id)
        full = ", ".join(f"'{endpoint}'" for endpoint, number in sent_to.items() if number >= PER_ENDPOINT)
        return f"{RECEIVING} AND (endpoint_id IS NULL OR endpoint_id NOT IN ({full}))" if full else RECEIVING

    def _send(self, row: Delivery) -> None:
        channel = channels.get(row.channel)
        try:
            prepared = _prepare(channel, row)
        except LOST:
            raise
        except Exception as error:  # noqa: BLE001  (one that cannot be prepared must not keep the others from leaving)
            log.error("Delivery %s cannot be prepared (%s).", row.pk, type(error).__name__)
            settle(
                row,
                Sent(Fate.LATER, _("It cannot be prepared (%(error)s).") % {"error": type(error).__name__}),
            )
            return
        if prepared is not None:
            self.under_way[self.pool.submit(channel.send, prepared)] = row

    def settle_answered(self, seconds: float) -> int:
        """Write down the answers that are there, waiting so long for the first."""
        answered, _pending = wait(self.under_way, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in answered:
            row = self.under_way.pop(future)
            settle(row, _outcome(row, future))
        return len(answered)

    def linger(self) -> int:
        """With nothing new to send, wait a moment for an answer. Returns how many are out: busy is not idle."""
        out = len(self.under_way)
        if out:
            self.settle_answered(GLANCE)
        return out

    def finish(self) -> None:
        """Wait for everything under way: each has a deadline of its own."""
        while self.under_way:
            self.settle_answered(1.0)


def at_most_once() -> str:
    """An SQL condition: the delivery's channel must never send twice, because its receiver could not tell."""
    names = ", ".join(f"'{channel.name}'" for channel in channels if channel.at_most_once)
    return f"channel IN ({names})" if names else "false"


def _because(row: Delivery) -> AbstractContextManager[Any]:
    """What a delivery causes belongs to the chain that caused it; else a loop through a message would have no end."""
    return acting(
        Actor.system(), correlation_id=row.correlation_id, caused_by=row.caused_by_id, depth=row.depth
    )


def _prepare(channel: Channel, row: Delivery) -> Any:
    """Whatever the channel needs to send, or None once there is nothing to send any more."""
    with transaction.atomic(), _because(row):
        held = hold(Delivery, [row])
        prepared = channel.prepare(held[0]) if held else None
        if held and prepared is None:
            held[0].state, held[0].finished_at, held[0].lease_until = QueueState.CANCELLED, clock.now(), None
            held[0].save()
            wake_step(held[0])
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
    try:
        _settle(row, sent)
    except LOST:
        raise
    except Exception as error:  # noqa: BLE001  (an answer nobody can store must not undo that it was sent)
        log.error("Delivery %s cannot be settled (%s).", row.pk, type(error).__name__)
        _settle(
            row, Sent(sent.fate, _("Its answer could not be kept."), status=sent.status), tell_channel=False
        )


def _settle(row: Delivery, sent: Sent, *, tell_channel: bool = True) -> None:
    with transaction.atomic(), _because(row):
        for held in hold(Delivery, [row]):
            channel = channels.get(held.channel)
            at = clock.now()
            held.log = note(held, at=at, error="" if sent.fate is Fate.SENT else sent.detail,
                            extra={"status": sent.status})  # fmt: skip
            held.status, held.lease_until, held.error = sent.status, None, sent.detail
            held.alone = False
            _decide(held, sent, channel, at)
            held.save()
            if tell_channel:
                channel.settle(held, sent, final=held.state != QueueState.DUE)
            if held.state in (QueueState.DONE, QueueState.FAILED):
                wake_step(held)


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
    unknown, failed = _("It is unknown whether a message was sent"), _("A message could not be delivered")
    ops_alert(
        key=f"delivery:{row.pk}:{row.state}",
        title=unknown if held else failed,
        detail=_("Delivery %(id)s (%(channel)s): look at it, then settle it or send it again.")
        % {"id": row.pk, "channel": row.channel},
    )


def wake_step(row: Delivery) -> None:
    """The step that waits for this delivery's answer is due again. One that is held waits for a person's word."""
    StepRun.objects.filter(awaits=row.key, state=QueueState.WAITING).update(
        state=QueueState.DUE, rested=True, due_at=clock.now()
    )


def reap_lost() -> int:
    """Take back deliveries whose worker vanished: sent again where that is safe, held for a person where it is not."""
    with transaction.atomic():  # a dead letter and those who wait for it, or neither
        again = reap(Delivery, where=f"NOT {at_most_once()}")
        for row in again:
            if row.state == QueueState.FAILED:
                with _because(row):
                    _tell(row)
                wake_step(row)
    return len(again) + _hold_lost()


def _hold_lost() -> int:
    lost = list(
        Delivery.objects.raw(
            "SELECT * FROM workflows_delivery WHERE state = 'running' "  # noqa: S608  (names of channels are ours)
            f"AND lease_until < statement_timestamp() AND {at_most_once()}"
        )
    )
    for row in lost:
        settle(row, Sent(Fate.UNKNOWN, _("The worker vanished while sending.")))
    return len(lost)
