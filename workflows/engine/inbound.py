"""Understanding stored messages: each in its own transaction, through its source."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.db import InterfaceError, OperationalError, models, transaction

from careops.access.actor import Actor
from careops.lib import clock
from workflows.catalogue import Conflict, acting
from workflows.catalogue.ports import InboundSource, Malformed, Unmatched, inbound_sources, ops_alert
from workflows.engine import limits
from workflows.engine.alarm import message_is_dead
from workflows.models import InboundMessage, QueueState
from workflows.models.lease import claim, hold, note

log = logging.getLogger(__name__)

Verdict = InboundMessage.Verdict


def work(lane: str, worker: str) -> int:
    """Read the stored messages that are due. Returns how many were claimed."""
    rows = claim(InboundMessage, lane, 20, worker=worker)
    for row in rows:
        _one(row)
    return len(rows)


def _one(row: InboundMessage) -> None:
    try:
        with transaction.atomic(), acting(Actor.system()):
            for held in hold(InboundMessage, [row]):
                _apply(held)
    except Unmatched as error:
        _keep(row, Verdict.UNMATCHED, str(error), error.reference)
    except Malformed as error:
        _keep(row, Verdict.MALFORMED, str(error), "")
    except (Conflict, OperationalError, InterfaceError) as error:
        _again(row, type(error).__name__)
    except Exception as error:  # noqa: BLE001  (a bug in one source must not stop the others' messages)
        log.error("Message %s failed with %s.", row.pk, type(error).__name__)
        _again(row, type(error).__name__)


def _apply(row: InboundMessage) -> None:
    source = inbound_sources.get(row.source)
    try:
        body = json.loads(row.body)
    except ValueError:
        raise Malformed("The body is not JSON.") from None
    outcome = source.interpret(body, _resolved(source, row, body))
    at = clock.now()
    row.outcome, row.verdict = dict(outcome), Verdict.APPLIED
    row.reference = source.reference(body) if source.reference else ""
    row.state, row.finished_at, row.lease_until, row.error, row.error_code = QueueState.DONE, at, None, "", ""
    row.alone, row.crashes = False, 0
    row.log = note(row, at=at)
    row.save()


def _resolved(source: InboundSource, row: InboundMessage, body: Any) -> models.Model | None:
    if row.resolved_to is None or source.candidates is None:
        return None
    found: models.Model | None = (
        source.candidates(body).model._base_manager.filter(pk=row.resolved_to).first()
    )
    return found


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
            held.error_code, held.lease_until, held.log = code[:60], None, note(held, at=at, error=code)
            dead = held.attempts >= limits.STEP_TRIES
            held.state = QueueState.FAILED if dead else QueueState.DUE
            held.due_at = at + limits.step_delay(held.attempts)
            held.finished_at = at if dead else None
            held.save()
            if dead:
                message_is_dead(held)
