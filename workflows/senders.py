"""Sending, many at once: deliveries are claimed, prepared in one transaction, sent outside of any, settled in another.

The claim of an email reaches the disk before it leaves the house. An attempt that vanished is sent again where the
receiver can recognise it (webhooks carry a stable id), and held for a person where it cannot (email). One delivery that
cannot be prepared or settled never takes another one with it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.lib import clock
from workflows.catalogue import Cause, because_of
from workflows.catalogue.ports import Channel, Fate, Sent, channels, ops_alert
from workflows.models import Delivery, Endpoint, QueueState, StepRun
from workflows.models.event_record import wake
from workflows.models.lease import claim, finish, hold_claimed, note, reap, release
from workflows.outbox import IN_A_ROW, PATIENCE, Outbox
from workflows.outbox import SIDE_BY_SIDE as SIDE_BY_SIDE  # the drain has so many threads for us

log = logging.getLogger(__name__)

#: Seconds to wait for an answer before looking for more work.
GLANCE = 0.05
#: So many answers are written down together while there is something to send; writing down each by itself costs more
#: than sending it.
HANDFUL = 16
#: Deliveries to an endpoint that is paused or switched off wait; they go out when it is resumed.
RECEIVING = (
    "(endpoint_id IS NULL OR endpoint_id IN (SELECT id FROM workflows_endpoint WHERE state = 'active'))"
)
RECEIVER = "coalesce(endpoint_id::text, channel)"  # in SQL what outbox.receiver() says
#: The connection itself is gone: whoever called starts again, and the leases cover what was under way.
LOST = (InterfaceError, OperationalError)


class Sender:
    """One process's sending: what is on its way, and room for more."""

    def __init__(self, worker: str, pool: Executor) -> None:
        self.worker, self.outbox = worker, Outbox(pool)

    def work(self, lane: str) -> int:
        """Send what is due, then settle what has been answered. Returns how many deliveries moved."""
        rows = self._claim(lane)
        self.outbox.put((row, prepared) for row, prepared in prepare(rows) if prepared is not None)
        if self.outbox.answered() < HANDFUL:
            return len(rows)
        return len(rows) + self.settle_answered(0)

    def _claim(self, lane: str) -> list[Delivery]:
        """What the threads that are free can begin in a moment: first of all what must not be sent twice."""
        self._tend()
        room, rows = self.outbox.room(), []
        if room and not self.outbox.only_once:
            # One at a time: if this process is killed, one message at the most is left that nobody can tell of. And
            # durable: a claim that a crash of the server undoes would be an email sent twice.
            rows = claim(Delivery, lane, 1, worker=self.worker, where=at_most_once(), durable=True)
        for limit, whose in self._turns(room - len(rows)):
            where = f"NOT {at_most_once()} AND {RECEIVING} AND {whose}"
            rows += claim(Delivery, lane, limit, worker=self.worker, where=where)
        return rows

    def _turns(self, room: int) -> Iterator[tuple[int, str]]:
        """How many are claimed, and whose: ahead for most receivers, no more than fits for those that are slow."""
        if not room:
            return
        closed = self.outbox.closed()
        yield IN_A_ROW * room, f"{RECEIVER} NOT IN ({_listed(closed)})" if closed else "true"
        if slow := self.outbox.slow():
            yield min(room, *slow.values()), f"{RECEIVER} IN ({_listed(slow)})"

    def _tend(self) -> None:
        """Nothing stands in line for long."""
        self.outbox.hurry()
        if late := self.outbox.take_back():
            release(Delivery, late)

    def settle_answered(self, seconds: float) -> int:
        """Write down the answers that are there, waiting so long for the first."""
        answers = self.outbox.answers(seconds)
        settle(answers)
        return len(answers)

    def linger(self) -> int:
        """With nothing new to send, wait a moment for an answer. Returns how many are out: busy is not idle."""
        out = len(self.outbox)
        if out:
            self._tend()
            self.settle_answered(PATIENCE if self.outbox.in_line() else GLANCE)
        return out

    def finish(self) -> None:
        """Wait for everything under way: each has a deadline of its own."""
        while self.linger():
            pass


def _listed(names: Iterable[str]) -> str:
    """For an SQL condition; the names are endpoints' ids and channels, so ours."""
    return ", ".join(f"'{name}'" for name in names)


def at_most_once() -> str:
    """An SQL condition: the delivery's channel must never send twice, because its receiver could not tell."""
    names = ", ".join(f"'{channel.name}'" for channel in channels if channel.at_most_once)
    return f"channel IN ({names})" if names else "false"


def _because(row: Delivery) -> AbstractContextManager[Any]:
    """What a delivery causes belongs to the chain that caused it; else a loop through a message would have no end."""
    return because_of(Cause(Actor.system(), row.correlation_id, row.caused_by_id, row.depth))


def prepare(rows: Sequence[Delivery]) -> list[tuple[Delivery, Any]]:
    """Whatever their channels need to send them, read together; one by one where they spoil it for each other.

    None beside a delivery that there is no sense in sending any more, and beside one that cannot be prepared: it is
    tried again later.
    """
    if not rows:
        return []
    try:
        with transaction.atomic():
            return _prepare(hold_claimed(Delivery, rows))
    except LOST:
        raise
    except Exception as error:  # noqa: BLE001  (one that cannot be prepared must not keep the others from leaving)
        if len(rows) > 1:
            return [one for row in rows for one in prepare([row])]
        log.error("Delivery %s cannot be prepared (%s).", rows[0].pk, type(error).__name__)
        why = _("It cannot be prepared (%(error)s).") % {"error": type(error).__name__}
        settle([(rows[0], Sent(Fate.LATER, why))])
        return []


def _prepare(held: Sequence[Delivery]) -> list[tuple[Delivery, Any]]:
    endpoints = Endpoint.objects.in_bulk({row.endpoint_id for row in held if row.endpoint_id})
    prepared = []
    for row in held:
        if row.endpoint_id:
            row.endpoint = endpoints.get(row.endpoint_id)
        with _because(row):
            prepared.append((row, channels.get(row.channel).prepare(row)))
            if prepared[-1][1] is None:
                row.state, row.finished_at, row.lease_until = QueueState.CANCELLED, clock.now(), None
                row.save()
                wake_steps([row])
    return prepared


#: What the end of an attempt may change of a delivery's row.
SETTLED = (
    "state", "status", "due_at", "lease_until", "alone", "attempts", "error", "error_code", "log", "result",
    "finished_at",
)  # fmt: skip


def settle(answers: Sequence[tuple[Delivery, Sent]]) -> None:
    """Write down what became of these attempts, as far as they are still ours; one by one where one spoils it."""
    if not answers:
        return
    try:
        _settle(answers)
    except LOST:
        raise
    except Exception as error:  # noqa: BLE001  (an answer nobody can store must not undo that it was sent)
        for row, _sent in answers:
            row.refresh_from_db(fields=SETTLED)  # all but the fence: whether it is still ours is asked again
        if len(answers) > 1:
            for answer in answers:
                settle([answer])
            return
        ((row, sent),) = answers
        log.error("Delivery %s cannot be settled (%s).", row.pk, type(error).__name__)
        unkept = Sent(sent.fate, _("Its answer could not be kept."), status=sent.status)
        _settle([(row, unkept)], tell_channel=False)


def _settle(answers: Sequence[tuple[Delivery, Sent]], *, tell_channel: bool = True) -> None:
    sent_of = {row.pk: sent for row, sent in answers}
    at = clock.now()
    for row, sent in answers:
        row.log = note(row, at=at, error="" if sent.fate is Fate.SENT else sent.detail,
                       extra={"status": sent.status})  # fmt: skip
        row.status, row.lease_until, row.error, row.alone = sent.status, None, sent.detail, False
        _decide(row, sent, channels.get(row.channel), at)
    with transaction.atomic():
        ours = finish(Delivery, [row for row, _sent in answers], SETTLED)
        for row in ours:
            with _because(row):
                if row.state in (QueueState.HELD, QueueState.FAILED):
                    _tell(row)
                if tell_channel:
                    channels.get(row.channel).settle(row, sent_of[row.pk], final=row.state != QueueState.DUE)
        wake_steps([row for row in ours if row.state in (QueueState.DONE, QueueState.FAILED)])


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


def wake_steps(rows: Sequence[Delivery]) -> None:
    """The steps that wait for these deliveries' answers are due again. One that is held waits for a person's word."""
    waiting = StepRun.objects.filter(awaits__in=[row.key for row in rows], state=QueueState.WAITING)
    if rows and waiting.update(state=QueueState.DUE, rested=True, due_at=clock.Now()):
        wake()


def reap_lost() -> int:
    """Take back deliveries whose worker vanished: sent again where that is safe, held for a person where it is not."""
    with transaction.atomic():  # a dead letter and those who wait for it, or neither
        again = reap(Delivery, where=f"NOT {at_most_once()}")
        for row in again:
            if row.state == QueueState.FAILED:
                with _because(row):
                    _tell(row)
                wake_steps([row])
    return len(again) + _hold_lost()


def _hold_lost() -> int:
    lost = list(
        Delivery.objects.raw(
            "SELECT * FROM workflows_delivery WHERE state = 'running' "  # noqa: S608  (names of channels are ours)
            f"AND lease_until < statement_timestamp() AND {at_most_once()}"
        )
    )
    settle([(row, Sent(Fate.UNKNOWN, _("The worker vanished while sending."))) for row in lost])
    return len(lost)
