"""Sending, many at once: deliveries are claimed, prepared in one transaction, sent outside of any, settled in another.

The claim of an email reaches the disk before it leaves the house. An attempt that vanished is sent again where the
receiver can recognise it (webhooks carry a stable id), and held for a person where it cannot (email). One delivery that
cannot be prepared or settled never takes another one with it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.lib import clock
from careops.lib.bulk import read_many
from workflows.catalogue import Cause, because_of
from workflows.catalogue.ports import Channel, Fate, Sent, channels, ops_alert
from workflows.models import Delivery, Endpoint, Lane, QueueState
from workflows.models.event_record import wake
from workflows.models.lease import claim, finish, hold_claimed, note, reap, release
from workflows.outbox import IN_A_ROW, PATIENCE, Outbox
from workflows.outbox import SIDE_BY_SIDE as SIDE_BY_SIDE  # the drain has so many threads for us

log = logging.getLogger(__name__)

#: How many glances at answers and at what is due make up for a full round, which sees to everything else as well.
GLANCES = 5
#: So many answers are written down together while there is something to send; writing down each by itself costs more
#: than sending it.
HANDFUL = 64
#: Deliveries to an endpoint that is paused or switched off wait; they go out when it is resumed.
RECEIVING = (
    "(endpoint_id IS NULL OR endpoint_id IN (SELECT id FROM workflows_endpoint WHERE state = 'active'))"
)
RECEIVER = "coalesce(endpoint_id::text, channel)"  # in SQL what outbox.receiver() says
#: The connection itself is gone: whoever called starts again, and the leases cover what was under way.
LOST = (InterfaceError, OperationalError)


class Due(NamedTuple):
    """Is anything to be sent once, to receivers that are slow, to the others?"""

    once: bool
    slow: bool
    quick: bool


class Sender:
    """One process's sending: what is on its way, and room for more."""

    def __init__(self, worker: str, pool: Executor) -> None:
        self.worker, self.outbox = worker, Outbox(pool)
        self._due: dict[str, Due] = {}

    def work(self, lane: str) -> int:
        """Send what is due, then settle what has been answered. Returns how many deliveries moved."""
        moved = self._tend()
        rows = self._claim(lane)
        self.outbox.put([(row, prepared) for row, prepared in prepare(rows) if prepared is not None])
        if self.outbox.answered() >= HANDFUL:
            moved += self.settle_answered(0)
        return moved + len(rows)

    def _claim(self, lane: str) -> list[Delivery]:
        """What the threads that are free can begin in a moment."""
        rows: list[Delivery] = []
        due, room = self._due_in(lane), self.outbox.room()
        if due.once and room and not self.outbox.only_once:
            # One at a time: if this process is killed, one message at the most is left that nobody can tell of. And
            # durable: a claim that a crash of the server undoes would be an email sent twice.
            rows += claim(Delivery, lane, 1, worker=self.worker, where=at_most_once(), durable=True)
        if due.slow and room > len(rows) and (slow := self.outbox.slow()):
            most = min(room - len(rows), *slow.values())  # nothing ahead: it would only be given back
            rows += claim(Delivery, lane, most, worker=self.worker, where=_to(slow))
        if due.quick and room > len(rows):
            ahead = IN_A_ROW * (room - len(rows))
            rows += claim(Delivery, lane, ahead, worker=self.worker, where=_to_others(self.outbox.closed()))
        return rows

    def _due_in(self, lane: str) -> Due:
        """What there is to claim in that lane. All lanes are looked at together, once for each turn of theirs: most
        looks find nothing, and a claim that finds nothing costs as much as sending several."""
        if lane not in self._due:
            self._due = self._look()
        return self._due.pop(lane)

    def _look(self) -> dict[str, Due]:
        if not self.outbox.room():
            return dict.fromkeys(Lane.values, Due(False, False, False))
        once = "false" if self.outbox.only_once else at_most_once()
        kinds = (once, _to(self.outbox.slow()), _to_others(self.outbox.closed()))
        found = ", ".join(_is_due(where) for where in kinds)
        sql = f"SELECT asked.lane, {found} FROM unnest(%s::text[]) AS asked(lane)"  # noqa: S608  (all ours)
        with connection.cursor() as cursor:
            cursor.execute(sql, [Lane.values])
            return {lane: Due(*answers) for lane, *answers in cursor.fetchall()}

    def _tend(self) -> int:
        """Nothing stands in line for long. Returns how many are given back for that."""
        self.outbox.hurry()
        if late := self.outbox.take_back():
            release(Delivery, late)
        return len(late)

    def settle_answered(self, seconds: float, enough: int = 1) -> int:
        """Write down the answers that are there, waiting so long for so many."""
        answers = self.outbox.answers(seconds, enough)
        settle(answers)
        return len(answers)

    def linger(self) -> int:
        """With nothing new to send, wait a moment for an answer. Returns how many are out: busy is not idle."""
        out = len(self.outbox)
        for _glance in range(GLANCES if out else 0):
            self._tend()
            line = self.outbox.in_line()
            settled = self.settle_answered(PATIENCE, HANDFUL if line else 1)
            self._due = self._look()
            if any(map(any, self._due.values())) or (settled and not line):
                break
        return out

    def finish(self, sign_of_life: Callable[[], object]) -> None:
        """Wait for everything under way: each has a deadline of its own, longer than a silence that counts as death."""
        while self.outbox:
            sign_of_life()
            self._tend()
            self.settle_answered(PATIENCE if self.outbox.in_line() else 1.0)


def _is_due(where: str) -> str:
    """An SQL expression: is there such a delivery in the lane asked for? Those that go alone have their own index."""
    due = f"state = 'due' AND lane = asked.lane AND due_at <= careops_now() AND {where}"
    both = (
        f"EXISTS (SELECT FROM workflows_delivery WHERE {which} AND {due})" for which in ("NOT alone", "alone")
    )
    return "false" if where == "false" else " OR ".join(both)


def _to(whom: Collection[str]) -> str:
    """An SQL condition: it may be sent more than once, and is for one of these receivers."""
    return f"({_repeatable()} AND {RECEIVER} IN ({_listed(whom)}))" if whom else "false"


def _to_others(than: Collection[str]) -> str:
    """An SQL condition: it may be sent more than once, and is for none of these receivers."""
    return f"({_repeatable()} AND {RECEIVER} NOT IN ({_listed(than)}))" if than else f"({_repeatable()})"


def _repeatable() -> str:
    return f"NOT {at_most_once()} AND {RECEIVING}"


def _listed(names: Iterable[str]) -> str:
    """The names are endpoints' ids and channels, so ours."""
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
    wanted = {row.endpoint_id for row in held if row.endpoint_id}
    found = read_many(Endpoint, "id = ANY(%s)", [list(wanted)]) if wanted else []
    endpoints = {endpoint.pk: endpoint for endpoint in found}
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
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE workflows_steprun SET state = 'due', rested = true, due_at = careops_now() "
                "WHERE state = 'waiting' AND awaits = ANY(%s)",
                [[row.key for row in rows]],
            )
            if cursor.rowcount:
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
