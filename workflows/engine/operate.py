"""What people do to stuck work: retry, skip, cancel, settle, send again, match. Each is permitted and audited."""

from __future__ import annotations

from uuid import UUID

from django.db import models, transaction
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import AuditEntry
from careops.lib import clock
from workflows.catalogue import NotPermitted
from workflows.catalogue.ports import Fate, Sent, channels, inbound_sources
from workflows.engine import advance
from workflows.models import OVER, Delivery, InboundMessage, Queued, QueueState, Run, StepRun
from workflows.senders import wake_steps


class NotPossible(Exception):
    """The work is not in a state in which this could be done; nothing was changed."""


def _permit(by: Actor, permission: str, name: str) -> None:
    if not by.has_perm(permission):
        raise NotPermitted(name, permission)


def retry_step(step: StepRun, *, by: Actor, reason: str = "") -> StepRun:
    """A dead step is due again, with its tries counted anew and under the same key."""
    _permit(by, "workflows.retry_steprun", _("Retry"))
    with transaction.atomic():
        row = StepRun.objects.select_for_update(of=("self",)).select_related("run").get(pk=step.pk)
        if row.state != QueueState.FAILED:
            raise NotPossible(_("Only a failed step can be retried."))
        _resume(row.run)
        row.state, row.due_at, row.attempts, row.crashes = QueueState.DUE, clock.now(), 0, 0
        row.awaits, row.rested, row.finished_at, row.error, row.error_code = "", False, None, "", ""
        _send_again_what_failed(row)
        row.save()
        audit(AuditEntry.Act.REPLAY, by, StepRun, [row.pk], patient_id=row.run.patient_id, reason=reason)
    return row


def _resume(run: Run) -> None:
    """The run goes on, unless somebody cancelled it. Steps are locked before their run, here as in the engine."""
    locked = Run.objects.select_for_update(of=("self",), no_key=True).get(pk=run.pk)
    if locked.state == Run.State.CANCELLED:
        raise NotPossible(_("The run was cancelled."))
    if locked.state != Run.State.RUNNING:
        locked.state, locked.finished_at = Run.State.RUNNING, None
        locked.save(update_fields=["state", "finished_at"])
    run.state, run.finished_at = locked.state, locked.finished_at


def _call_back(steps: models.QuerySet[StepRun]) -> None:
    """What these steps asked to be sent and has not left yet stays here."""
    Delivery.objects.filter(step__in=steps, state=QueueState.DUE).update(
        state=QueueState.CANCELLED, finished_at=clock.now()
    )


def _send_again_what_failed(row: StepRun) -> None:
    """The step's own delivery is a dead letter: the retried step finds it due again, with the same id."""
    for delivery in row.deliveries.select_for_update(of=("self",)).filter(
        state__in=[QueueState.FAILED, QueueState.CANCELLED]
    ):
        _due_again(delivery)


def skip_step(step: StepRun, *, by: Actor, reason: str = "") -> StepRun:
    """Go on with the next step as if this one had been left out."""
    _permit(by, "workflows.skip_steprun", _("Skip"))
    with transaction.atomic():
        row = StepRun.objects.select_for_update(of=("self",)).select_related("run__event").get(pk=step.pk)
        if row.state not in (QueueState.FAILED, QueueState.DUE, QueueState.WAITING, QueueState.PAUSED):
            raise NotPossible(_("This step is over or under way; it cannot be skipped."))
        _resume(row.run)
        _call_back(StepRun.objects.filter(pk=row.pk))
        advance.skip(row, clock.now())
        audit(AuditEntry.Act.OVERRIDE, by, StepRun, [row.pk], patient_id=row.run.patient_id, reason=reason)
    return row


def cancel_run(run: Run, *, by: Actor, reason: str = "") -> Run:
    """Nothing more of the run happens; what it did stays done."""
    _permit(by, "workflows.cancel_run", _("Cancel"))
    with transaction.atomic():
        steps = list(StepRun.objects.select_for_update(of=("self",)).filter(run=run).order_by("pk"))
        row = Run.objects.select_for_update(of=("self",), no_key=True).get(pk=run.pk)
        if row.state != Run.State.RUNNING:
            raise NotPossible(_("The run is over."))
        at = clock.now()
        advance.end_run(row, Run.State.CANCELLED, at)
        _call_back(row.steps.all())
        row.steps.filter(pk__in=[step.pk for step in steps]).exclude(state__in=OVER).update(
            state=QueueState.CANCELLED, finished_at=at, fence=models.F("fence") + 1, lease_until=None
        )
        audit(AuditEntry.Act.OVERRIDE, by, Run, [row.pk], patient_id=row.patient_id, reason=reason)
    return row


def send_again(delivery: Delivery, *, by: Actor, reason: str = "") -> Delivery:
    """A dead or held delivery is due again, with the same id, so that a receiver can recognise it."""
    _permit(by, "workflows.replay_delivery", _("Send again"))
    with transaction.atomic():
        row = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
        if row.state == QueueState.DONE and channels.get(row.channel).at_most_once:
            raise NotPossible(_("It was sent, and the receiver could not tell a second one from the first."))
        if row.state not in OVER:
            raise NotPossible(_("It is still on its way."))
        _due_again(row)
        audit(AuditEntry.Act.REPLAY, by, Delivery, [row.pk], reason=reason)
    return row


def _due_again(row: Queued) -> None:
    row.state, row.due_at, row.attempts, row.crashes = QueueState.DUE, clock.now(), 0, 0
    row.finished_at, row.error, row.error_code = None, "", ""
    row.save()


def settle_delivery(delivery: Delivery, *, sent: bool, by: Actor, reason: str = "") -> Delivery:
    """A person found out what became of a message whose outcome was unknown."""
    _permit(by, "workflows.settle_delivery", _("Settle"))
    with transaction.atomic():
        row = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
        if row.state != QueueState.HELD:
            raise NotPossible(_("Its outcome is known."))
        row.state = QueueState.DONE if sent else QueueState.FAILED
        row.finished_at, row.error_code = clock.now(), "" if sent else "settled_unsent"
        row.save()
        fate = Fate.SENT if sent else Fate.REFUSED
        channels.get(row.channel).settle(row, Sent(fate, _("settled by a person")), final=True)
        wake_steps([row])
        audit(AuditEntry.Act.RESOLVE, by, Delivery, [row.pk], reason=reason)
    return row


def match_message(message: InboundMessage, record_id: UUID, *, by: Actor, reason: str = "") -> InboundMessage:
    """Say which of our records an unmatched message means; it and its siblings are read again."""
    _permit(by, "workflows.resolve_inboundmessage", _("Match"))
    with transaction.atomic():
        row = InboundMessage.objects.select_for_update(of=("self",)).get(pk=message.pk)
        if row.verdict != InboundMessage.Verdict.UNMATCHED:
            raise NotPossible(_("The message is not unmatched."))
        candidates = inbound_sources.get(row.source).candidates
        if candidates is None or not candidates(None).filter(pk=record_id).exists():
            raise NotPossible(_("That record cannot be meant."))
        siblings = InboundMessage.objects.select_for_update(of=("self",)).filter(
            source=row.source, reference=row.reference, verdict=InboundMessage.Verdict.UNMATCHED
        )
        for sibling in siblings.order_by("created_at"):
            sibling.resolved_to, sibling.verdict = record_id, InboundMessage.Verdict.PENDING
            sibling.state, sibling.due_at, sibling.finished_at, sibling.error = (
                QueueState.DUE,
                clock.now(),
                None,
                "",
            )
            sibling.save()
        audit(AuditEntry.Act.RESOLVE, by, InboundMessage, [row.pk], reason=reason)
        row.refresh_from_db()
    return row


def read_again(message: InboundMessage, *, by: Actor, reason: str = "") -> InboundMessage:
    """A stored message that could not be read, whatever was the matter, is due to be read again."""
    _permit(by, "workflows.resolve_inboundmessage", _("Read again"))
    with transaction.atomic():
        row = InboundMessage.objects.select_for_update(of=("self",)).get(pk=message.pk)
        if row.state != QueueState.FAILED and row.verdict != InboundMessage.Verdict.MALFORMED:
            raise NotPossible(_("It was read, or is about to be."))
        row.verdict = InboundMessage.Verdict.PENDING
        _due_again(row)
        audit(AuditEntry.Act.REPLAY, by, InboundMessage, [row.pk], reason=reason)
    return row


def dismiss_message(message: InboundMessage, *, by: Actor, reason: str) -> InboundMessage:
    """The message is not ours, or cannot be used; it stays in the list of all messages."""
    _permit(by, "workflows.resolve_inboundmessage", _("Dismiss"))
    with transaction.atomic():
        row = InboundMessage.objects.select_for_update(of=("self",)).get(pk=message.pk)
        if row.verdict not in (InboundMessage.Verdict.UNMATCHED, InboundMessage.Verdict.MALFORMED):
            raise NotPossible(_("Only a message that could not be used can be dismissed."))
        row.verdict = InboundMessage.Verdict.DISMISSED
        row.save()
        audit(AuditEntry.Act.RESOLVE, by, InboundMessage, [row.pk], reason=reason)
    return row
