"""What happens in the lab: lab orders, requisitions, reports and their markers.

Each status of a lab order is one event. Junction knows the same fact by two names, its webhook's and the
status string itself (seeds.md §5.5); Canvas knows the creation or the change of the record (seeds.md §4.1).
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from labs.modalities import named
from workflows.catalogue import Event, Kind, events

_MOVED = ("from", "to")
_CHANGED = ("changed",)

# ── Lab tests ─────────────────────────────────────────────────────────────────────────────────────────────
_TEST = {"subject": "labs.LabTest", "patient": None}

LAB_TEST_CREATED = Event(
    name="lab_test.created",
    says=_("A lab test was added to what the clinic can order."),
    kind=Kind.CREATED,
    **_TEST,
)
LAB_TEST_UPDATED = Event(
    name="lab_test.updated",
    says=_("A lab test's description was edited."),
    kind=Kind.UPDATED,
    carries=_CHANGED,
    **_TEST,
)

# ── Lab orders ────────────────────────────────────────────────────────────────────────────────────────────
_ORDER = {"subject": "labs.LabOrder"}
_MOVE = {**_ORDER, "kind": Kind.TRANSITION, "carries": _MOVED}
_CANVAS = ("LAB_ORDER_UPDATED",)


def _told_as_update(low: str) -> dict[str, tuple[str, ...]]:
    """The names of a status that Junction tells by ``labtest.order.updated``, whatever the modality."""
    return {"junction": ("labtest.order.updated", *named(low)), "canvas": _CANVAS}


LAB_ORDER_ORDERED = Event(
    name="lab_order.ordered",
    says=_("A lab order was placed; nothing is printed yet."),
    kind=Kind.CREATED,
    carries=("to",),
    aliases={"junction": ("labtest.order.created", *named("ordered")), "canvas": ("LAB_ORDER_CREATED",)},
    unless=_("Not sent when the lab repeats that it knows an order which we placed."),
    **_ORDER,
)
LAB_ORDER_UPDATED = Event(
    name="lab_order.updated",
    says=_("Something about a lab order other than its status was edited."),
    kind=Kind.UPDATED,
    carries=_CHANGED,
    aliases={"canvas": _CANVAS},
    unless=_("Not sent for a change of status: each status has an event of its own."),
    **_ORDER,
)
LAB_ORDER_REQUISITION_CREATED = Event(
    name="lab_order.requisition_created",
    says=_("The requisition exists, so the sample can be drawn."),
    aliases=_told_as_update("requisition_created"),
    **_MOVE,
)
LAB_ORDER_REQUISITION_BYPASSED = Event(
    name="lab_order.requisition_bypassed",
    says=_("The lab works without a requisition, as for an imported order."),
    aliases=_told_as_update("requisition_bypassed"),
    **_MOVE,
)
LAB_ORDER_DRAW_COMPLETED = Event(
    name="lab_order.draw_completed",
    says=_("The sample was drawn."),
    aliases=_told_as_update("draw_completed"),
    **_MOVE,
)
LAB_ORDER_PARTIAL_RESULTS = Event(
    name="lab_order.partial_results",
    says=_("Some of the results are in."),
    aliases={"junction": tuple(named("partial_results")), "canvas": _CANVAS},
    unless=_("Silent unless asked for: “labtest.order.updated” leaves partial results out."),
    **_MOVE,
)
LAB_ORDER_COMPLETED = Event(
    name="lab_order.completed",
    says=_("The final results are available."),
    aliases=_told_as_update("completed"),
    **_MOVE,
)
LAB_ORDER_CORRECTED = Event(
    name="lab_order.corrected",
    says=_("The lab corrected results it had called final."),
    aliases=_told_as_update("corrected"),
    unless=_("Not sent again for a second correction."),
    **_MOVE,
)
LAB_ORDER_CANCELLED = Event(
    name="lab_order.cancelled",
    says=_("A lab order was cancelled."),
    aliases=_told_as_update("cancelled"),
    **_MOVE,
)
LAB_ORDER_SAMPLE_ERROR = Event(
    name="lab_order.sample_error",
    says=_("The lab could not work with the sample."),
    aliases=_told_as_update("sample_error"),
    **_MOVE,
)

# ── Requisitions ──────────────────────────────────────────────────────────────────────────────────────────
_REQUISITION = {"subject": "labs.Requisition", "carries": _MOVED, "kind": Kind.TRANSITION}

REQUISITION_CREATED = Event(
    name="requisition.created",
    says=_("A lab requisition was made."),
    subject="labs.Requisition",
    kind=Kind.CREATED,
    carries=("to",),
    aliases={"careportals": ("requisition.created",)},
)
REQUISITION_UPDATED = Event(
    name="requisition.updated",
    says=_("A lab requisition was edited."),
    subject="labs.Requisition",
    kind=Kind.UPDATED,
    carries=_CHANGED,
)
REQUISITION_ISSUED = Event(
    name="requisition.issued",
    says=_("A lab requisition was handed over, so the sample can be drawn."),
    **_REQUISITION,
)
REQUISITION_FULFILLED = Event(
    name="requisition.fulfilled",
    says=_("Everything a lab requisition asks for has been done."),
    **_REQUISITION,
)
REQUISITION_CANCELLED = Event(
    name="requisition.cancelled", says=_("A lab requisition was withdrawn."), **_REQUISITION
)

# ── Reports and their markers ─────────────────────────────────────────────────────────────────────────────
_REPORT = {"subject": "labs.Report"}
_REPORT_MOVE = {
    **_REPORT,
    "kind": Kind.TRANSITION,
    "carries": _MOVED,
    "aliases": {"canvas": ("LAB_REPORT_UPDATED",)},
}

REPORT_CREATED = Event(
    name="lab_report.created",
    says=_("A lab report was begun."),
    kind=Kind.CREATED,
    carries=("to",),
    aliases={"canvas": ("LAB_REPORT_CREATED",)},
    **_REPORT,
)
REPORT_UPDATED = Event(
    name="lab_report.updated",
    says=_("Something about a lab report other than its markers was edited."),
    kind=Kind.UPDATED,
    carries=_CHANGED,
    aliases={"canvas": ("LAB_REPORT_UPDATED",)},
    **_REPORT,
)
REPORT_FINALISED = Event(name="lab_report.finalised", says=_("A lab report is final."), **_REPORT_MOVE)
REPORT_CORRECTED = Event(
    name="lab_report.corrected", says=_("A final lab report was corrected."), **_REPORT_MOVE
)
REPORT_RELEASED = Event(
    name="lab_report.released", says=_("A lab report was released: the patient may read it."), **_REPORT_MOVE
)
REPORT_CRITICAL_RESULT = Event(
    name="lab_report.critical_result",
    says=_("A marker is critical: somebody has to act now."),
    subject="labs.Result",
    kind=Kind.CREATED,
    aliases={"junction": ("labtest.result.critical",)},
    unless=_("Sent once when a marker is entered as critical or becomes so, not for later edits of it."),
    fields=("interpretation",),
    when=lambda result: result.is_critical,
)
RESULT_UPDATED = Event(
    name="lab_report.result_updated",
    says=_("A marker of a lab report was edited."),
    unless=_("Not sent when all that changed is that it is critical now."),
    subject="labs.Result",
    kind=Kind.UPDATED,
    carries=_CHANGED,
)

events.declare(
    (
        LAB_TEST_CREATED,
        LAB_TEST_UPDATED,
        LAB_ORDER_ORDERED,
        LAB_ORDER_UPDATED,
        LAB_ORDER_REQUISITION_CREATED,
        LAB_ORDER_REQUISITION_BYPASSED,
        LAB_ORDER_DRAW_COMPLETED,
        LAB_ORDER_PARTIAL_RESULTS,
        LAB_ORDER_COMPLETED,
        LAB_ORDER_CORRECTED,
        LAB_ORDER_CANCELLED,
        LAB_ORDER_SAMPLE_ERROR,
        REQUISITION_CREATED,
        REQUISITION_UPDATED,
        REQUISITION_ISSUED,
        REQUISITION_FULFILLED,
        REQUISITION_CANCELLED,
        REPORT_CREATED,
        REPORT_UPDATED,
        REPORT_FINALISED,
        REPORT_CORRECTED,
        REPORT_RELEASED,
        REPORT_CRITICAL_RESULT,
        RESULT_UPDATED,
    )
)
