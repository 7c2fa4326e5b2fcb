"""The lab order: its state is the lab's own status string, and the modality tables say where it may go."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import GET_STATE, FSMField

from careops.access.actor import ActorKind
from labs import events
from labs.forms import ReasonForm
from labs.modalities import (
    ON_SITE_COLLECTION,
    Modality,
    Words,
    all_statuses,
    modality_of,
    open_statuses,
    reached_by,
    status_choices,
    words,
)
from labs.models.requisition import Requisition
from workflows.catalogue import Machine, Privacy, Record, cause, transition

JUNCTION = "junction"


def _leading(move: str) -> dict[str, Any]:
    """Source, target and condition of a transition, read off the modality tables.

    The lab's word (the system acts) may skip statuses; people and automations go step by step.
    """
    ways = list(reached_by(move))
    steps = {before.name for modality, status in ways for before in modality.before(status)}

    def nothing_is_skipped(order: LabOrder) -> bool:
        return cause().actor.kind is ActorKind.SYSTEM or order.state in steps

    return {
        "source": [below.name for modality, status in ways for below in modality.below(status)],
        "target": _target({modality.name: status.name for modality, status in ways}),
        "conditions": [nothing_is_skipped],
    }


def _target(targets: dict[str, str]) -> Any:
    """The status itself while one modality has it, so that all see where it leads; else the order's own."""
    if len(targets) == 1:
        return next(iter(targets.values()))
    return GET_STATE(lambda order, **arguments: targets[order.words.modality], states=list(targets.values()))


class LabOrder(Machine):
    """A lab test ordered for a patient.

    The lab tells of its progress in messages (``labs.services.junction``); what people do by hand is the same
    transitions, one step at a time. ``external_id`` is the lab's id of the order, "" until we know it.
    """

    created_event = events.LAB_ORDER_ORDERED
    updated_event = events.LAB_ORDER_UPDATED

    patient = models.ForeignKey(
        "patients.Patient",
        models.PROTECT,
        related_name="lab_orders",
        verbose_name=_("patient"),
        db_index=False,  # labs_order_of_patient begins with it
    )
    lab_test = models.ForeignKey(
        "labs.LabTest", models.PROTECT, related_name="orders", verbose_name=_("lab test")
    )
    practitioner = models.ForeignKey(
        "patients.Practitioner",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="lab_orders",
        verbose_name=_("ordered by"),
    )
    state = FSMField(
        _("status"),
        max_length=80,
        choices=status_choices(),
        default=ON_SITE_COLLECTION.first.name,
        editable=False,
    )
    vendor = models.CharField(_("lab connection"), max_length=40, default=JUNCTION, editable=False)
    external_id = models.CharField(_("the lab's order id"), max_length=100, blank=True)
    sample_id = models.CharField(_("sample id"), max_length=100, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    reason = models.TextField(_("why it ended without results"), blank=True, editable=False)
    # The step that placed it, so that the step may run twice and place it once.
    origin = models.CharField(max_length=200, null=True, unique=True, editable=False)  # noqa: DJ001  (unique, so "none" must be null)

    privacy: ClassVar[dict[str, Privacy]] = {
        "lab_test": Privacy.PHI,
        "vendor": Privacy.PUBLIC,
        "external_id": Privacy.PUBLIC,
        "sample_id": Privacy.PERSONAL,
        "notes": Privacy.PHI,
        "reason": Privacy.PHI,
        "origin": Privacy.PUBLIC,
    }

    class Meta:
        verbose_name = _("lab order")
        verbose_name_plural = _("lab orders")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[status.name for status in all_statuses()]), name="laborder_state_known"
            ),
            models.UniqueConstraint(
                fields=["vendor", "external_id"],
                condition=~Q(external_id=""),
                name="laborder_external_once",
                violation_error_message=_("Another lab order has this id already."),
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="labs_order_newest"),  # the list
            models.Index(
                fields=["patient", "-created_at"], name="labs_order_of_patient"
            ),  # a patient's lab orders
            models.Index(fields=["state", "-created_at"], name="labs_order_by_state"),  # the list, by status
            # The list, by the number on the tube.
            models.Index(fields=["sample_id"], name="labs_order_sample", condition=~Q(sample_id="")),
            # Whom an unmatched message of the lab may be about.
            models.Index(fields=["-created_at"], name="labs_order_unbound", condition=Q(external_id="")),
            # The API: "what changed since?".
            models.Index(fields=["updated_at", "id"], name="labs_order_changed"),
        ]

    def __str__(self) -> str:
        return f"Lab order {str(self.pk)[-8:]}"

    # ── The three words of its status ────────────────────────────────────────────────────────────────────
    @property
    def words(self) -> Words:
        """The high-level word, the modality and the low-level word of the status (seeds.md §5.1)."""
        return words(self.state)

    @property
    def modality(self) -> Modality:
        return modality_of(self.state)

    @property
    def rank(self) -> int:
        """How far the order has come; a status of the same or a lower rank is no news."""
        return next(status.rank for status in self.modality.statuses if status.name == self.state)

    @property
    def is_under_way(self) -> bool:
        return self.state in open_statuses()

    def has_open_requisition(self) -> bool:
        return self.requisitions.filter(state__in=Requisition.OPEN).exists()

    # ── Moves ────────────────────────────────────────────────────────────────────────────────────────────
    @transition(
        state,
        **_leading("create_requisition"),
        needs="labs.order_laborder",
        event=events.LAB_ORDER_REQUISITION_CREATED,
        label=_("Create requisition"),
    )
    def create_requisition(self) -> None:
        """The requisition exists and is handed over."""
        requisition = Requisition.objects.create(order=self)
        requisition.run_locked("issue", occurred_at=self._occurred_at)

    @transition(
        state,
        **_leading("bypass_requisition"),
        needs="labs.order_laborder",
        event=events.LAB_ORDER_REQUISITION_BYPASSED,
        label=_("Go on without requisition"),
    )
    def bypass_requisition(self) -> None:
        """The lab works without one, as for imported orders; one that was open is withdrawn."""
        self._close_requisitions("cancel")

    @transition(
        state,
        **_leading("complete_draw"),
        needs="labs.draw_laborder",
        event=events.LAB_ORDER_DRAW_COMPLETED,
        label=_("Sample drawn"),
    )
    def complete_draw(self) -> None:
        """The sample was taken."""

    @transition(
        state,
        **_leading("receive_partial_results"),
        needs="labs.add_result",
        event=events.LAB_ORDER_PARTIAL_RESULTS,
        label=_("Partial results are in"),
    )
    def receive_partial_results(self) -> None:
        """Some markers are known, others not yet."""

    @transition(
        state,
        **_leading("complete"),
        needs="labs.finalise_report",
        event=events.LAB_ORDER_COMPLETED,
        label=_("Final results are in"),
    )
    def complete(self) -> None:
        """All results are in: no requisition of a completed order stays open."""
        self._close_requisitions("fulfil")

    @transition(
        state,
        **_leading("correct"),
        needs="labs.correct_report",
        event=events.LAB_ORDER_CORRECTED,
        label=_("Results were corrected"),
    )
    def correct(self) -> None:
        """The lab changed results it had called final."""
        self._close_requisitions("fulfil")

    @transition(
        state,
        **_leading("cancel"),
        needs="labs.cancel_laborder",
        event=events.LAB_ORDER_CANCELLED,
        label=_("Cancel"),
        arguments=ReasonForm,
    )
    def cancel(self, reason: str = "") -> None:
        """Nobody will work on it any more. Not possible once results exist (seeds.md §5.4)."""
        self.reason = reason
        self._close_requisitions("cancel")

    @transition(
        state,
        **_leading("fail_sample"),
        needs="labs.draw_laborder",
        event=events.LAB_ORDER_SAMPLE_ERROR,
        label=_("Sample error"),
        arguments=ReasonForm,
    )
    def fail_sample(self, reason: str = "") -> None:
        """The lab cannot work with the sample; another one needs another order."""
        self.reason = reason
        self._close_requisitions("cancel")

    def _close_requisitions(self, move: str) -> None:
        """In the transition's transaction and by whoever makes it: an invariant asks for no permission."""
        still_open = self.requisitions.filter(state__in=Requisition.OPEN)
        for requisition in still_open.select_for_update(of=("self",)):
            requisition.run_locked(move, occurred_at=self._occurred_at)


class LabOrderStatus(Record):
    """One status the lab named, kept as it was sent, whether or not it moved the order.

    ``rank`` is null for a status we do not know: vocabularies grow (seeds.md §5.1). ``applied`` says that it
    was news.
    """

    order = models.ForeignKey(
        LabOrder,
        models.PROTECT,
        related_name="history",
        verbose_name=_("lab order"),
        db_index=False,  # labs_status_once begins with it
    )
    status = models.CharField(_("status, as sent"), max_length=100)
    key = models.CharField(
        _("the lab's id of it"), max_length=200, help_text=_("Status and time where it has none.")
    )
    occurred_at = models.DateTimeField(_("happened at"))
    rank = models.PositiveSmallIntegerField(_("rank"), null=True)
    applied = models.BooleanField(_("moved the order"))

    privacy: ClassVar[dict[str, Privacy]] = {
        "status": Privacy.PUBLIC,
        "key": Privacy.PUBLIC,
        "occurred_at": Privacy.PUBLIC,
        "rank": Privacy.PUBLIC,
        "applied": Privacy.PUBLIC,
    }

    class Meta:
        verbose_name = _("status told by the lab")
        verbose_name_plural = _("statuses told by the lab")
        ordering = ["occurred_at", "rank", "key"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["order", "key"], name="labs_status_once")]

    def __str__(self) -> str:
        return f"Status {str(self.pk)[-8:]}"
