"""Understanding stored messages through their sources: a batch in one transaction, which falls apart when one fails."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from time import monotonic
from typing import Any

from django.db import InterfaceError, OperationalError, models, transaction

from careops.access.actor import Actor
from careops.lib import clock
from careops.lib.bulk import update_many
from workflows.catalogue import Conflict, acting
from workflows.catalogue.ports import InboundSource, Malformed, Unmatched, inbound_sources, ops_alert
from workflows.engine import limits
from workflows.engine.alarm import message_is_dead
from workflows.engine.batches import Batches
from workflows.models import InboundMessage, QueueState
from workflows.models.lease import hold, hold_claimed, note

log = logging.getLogger(__name__)

Verdict = InboundMessage.Verdict

#: Messages read in one transaction: each locks the record it is about until the last of them is understood.
TOGETHER = 50
#: What understanding a message changes of its row.
UNDERSTOOD = (
    "outcome", "verdict", "reference", "state", "finished_at", "lease_until", "error", "error_code", "alone", "crashes",
    "log",
)  # fmt: skip


def work(lane: str, worker: str) -> int:
    """Read the stored messages that are due. Returns how many were claimed."""
    return _batches.work(lane, worker, TOGETHER)


def _batch(rows: Sequence[InboundMessage]) -> list[InboundMessage]:
    """As many of them as fit the batch's time; the rest is returned."""
    mine = [row.pk for row in hold_claimed(InboundMessage, rows)]
    held = InboundMessage.objects.filter(pk__in=mine).order_by("due_at", "pk")
    bodies = [(row, _body(row)) for row in held]
    # By the record they are about, so that two workers lock records in the same order; messages about one record stay
    # in the order they came.
    bodies.sort(key=lambda pair: _reference(pair[0].source, pair[1]))
    begun, at = monotonic(), clock.now()
    understood, left = [], []
    with acting(Actor.system()):
        for row, body in bodies:
            if monotonic() - begun > limits.BATCH_SECONDS:
                left.append(row)
                continue
            _understand(row, body, at)
            understood.append(row)
    update_many(understood, UNDERSTOOD)
    return left


def _one(row: InboundMessage) -> None:
    try:
        with transaction.atomic(), acting(Actor.system()):
            for held in hold(InboundMessage, [row]):
                _understand(held, _body(held), clock.now())
                update_many([held], UNDERSTOOD)
    except Unmatched as error:
        _keep(row, Verdict.UNMATCHED, str(error), error.reference)
    except Malformed as error:
        _keep(row, Verdict.MALFORMED, str(error), "")
    except (Conflict, OperationalError, InterfaceError) as error:
        _again(row, type(error).__name__)
    except Exception as error:  # noqa: BLE001  (a bug in one source must not stop the others' messages)
        log.error("Message %s failed with %s.", row.pk, type(error).__name__)
        _again(row, type(error).__name__)


def _understand(row: InboundMessage, body: Any, at: datetime) -> None:
    """Do what the message says, and note on its row, which the caller stores, what that was."""
    source = inbound_sources.get(row.source)
    outcome = source.interpret(body, _resolved(source, row, body))
    row.outcome, row.verdict, row.reference = dict(outcome), Verdict.APPLIED, _reference(row.source, body)
    row.state, row.finished_at, row.lease_until, row.error, row.error_code = QueueState.DONE, at, None, "", ""
    row.alone, row.crashes = False, 0
    row.log = note(row, at=at)


def _body(row: InboundMessage) -> Any:
    try:
        return json.loads(row.body)
    except ValueError:
        raise Malformed("The body is not JSON.") from None


def _reference(name: str, body: Any) -> str:
    """The sender's own number of the record the message is about, "" where it says none."""
    reference = inbound_sources.get(name).reference
    return reference(body) if reference else ""


def _resolved(source: InboundSource, row: InboundMessage, body: Any) -> models.Model | None:
    if row.resolved_to is None or source.candidates is None:
        return None
    found: models.Model | None = (
        source.candidates(body).model._base_manager.filter(pk=row.resolved_to).first()
    )
    return found


_batches = Batches(InboundMessage, TOGETHER, together=_batch, alone=_one)


def _keep(row: InboundMessage, verdict: str, words: str, reference: str) -> None:
    """The message changed nothing; it waits where people can see it."""
    with transaction.atomic():
        for held in hold(InboundMessage, [row]):
            at = clock.now()
            held.verdict, held.error, held.reference = verdict, words, reference[:120]
            held.state, held.finished_at, held.lease_until = QueueState.DONE, at, None
            held.log = note(held, at=at, error=words)
            held.save()
            ops_alert(
                key=f"inbound:{held.source}:{verdict}:{reference}",
                title=f"A message from {held.source} is {held.get_verdict_display()}",
                detail="Open the inbound messages and say which record it means, or dismiss it.",
            )


def _again(row: InboundMessage, code: str) -> None:
    with transaction.atomic():
        for held in hold(InboundMessage, [row]):
            at = clock.now()
            held.attempts += 1
            held.alone = True  # it would spoil a batch again
            held.error_code, held.lease_until, held.log = code[:60], None, note(held, at=at, error=code)
            dead = held.attempts >= limits.STEP_TRIES
            held.state = QueueState.FAILED if dead else QueueState.DUE
            held.due_at = at + limits.step_delay(held.attempts)
            held.finished_at = at if dead else None
            held.save()
            if dead:
                message_is_dead(held)
