"""Lab work for one patient in four: its requisition, its report, the markers in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from careops.demo.crowd.dice import Dice
from careops.demo.crowd.history import History, told, walk
from careops.demo.crowd.people import Known
from careops.demo.crowd.sheets import Sheet, in_batches
from careops.demo.labs import MARKERS, PATHS, TESTS
from labs import events
from labs.modalities import ON_SITE_COLLECTION
from labs.models import LabOrder, LabTest, Report, Requisition, Result

ONE_IN = 4
#: The low-level word of the status → how many of a hundred lab orders stand there.
STATES = {
    "ordered": 3, "requisition_created": 4, "requisition_bypassed": 1, "draw_completed": 4, "partial_results": 2,
    "completed": 78, "corrected": 2, "sample_error": 2, "cancelled": 4,
}  # fmt: skip
#: What is left of the requisition when the order stands there; the others never had one.
REQUISITIONS = {
    "requisition_created": ("issue",), "draw_completed": ("issue",), "partial_results": ("issue",),
    "completed": ("issue", "fulfil"), "corrected": ("issue", "fulfil"),
    "sample_error": ("issue", "cancel"), "cancelled": ("issue", "cancel"),
}  # fmt: skip
#: The report of orders that have one; the patient reads what was released.
REPORTS = {
    "partial_results": (Report.State.PRELIMINARY, ()),
    "completed": (Report.State.FINAL, ("finalise", "release")),
    "corrected": (Report.State.CORRECTED, ("finalise", "release", "correct")),
}
WHY = {"sample_error": "The sample was hemolyzed", "cancelled": "The patient went to another lab"}


class Labs:
    def __init__(self, dice: Dice, history: History, until: datetime) -> None:
        self.dice, self.history, self.until = dice, history, until
        self.reached = {status.move: status.name for status in ON_SITE_COLLECTION.statuses if status.move}
        self.born = ON_SITE_COLLECTION.first.name
        self.lives = {low: walk(LabOrder, moves, self.reached) for low, moves in PATHS.items()}
        stamps = ("created_at", "updated_at")
        self.orders, self.requisitions, self.reports, self.results = (
            Sheet(history.copier, model, *stamps) for model in (LabOrder, Requisition, Report, Result)
        )
        self.tests: dict[str, str] = {}

    def order(self, patients: list[Known]) -> Iterator[int]:
        """Write a lab order for every fourth of them; yields how many, again and again."""
        self._offer_tests()
        chosen = patients[::ONE_IN]
        for batch in in_batches(len(chosen)):
            for place in batch:
                self._order(chosen[place])
            for sheet in (self.orders, self.requisitions, self.reports, self.results):
                sheet.write()
            self.history.write()
            yield len(batch)

    def _offer_tests(self) -> None:
        """The demo's tests, which may be there already."""
        sheet = Sheet(self.history.copier, LabTest, "created_at", "updated_at")
        self.tests = {
            code: str(pk) for code, pk in LabTest.objects.filter(code__in=TESTS).values_list("code", "pk")
        }
        for code, (name, _markers) in TESTS.items():
            if code not in self.tests:
                at = self.until - timedelta(days=1200)
                self.tests[code] = self.dice.uuid(at)
                sheet.add(id=self.tests[code], created_at=at, updated_at=at, code=code, name=name)
                self.history.tell([told(events.LAB_TEST_CREATED)], [at], self.tests[code], None)
        sheet.write()

    def _order(self, patient: Known) -> None:
        dice, low = self.dice, self.dice.weighted(STATES)
        moments = [dice.between(patient.since, self.until)]
        for _move in PATHS[low]:
            moments.append(min(dice.soon_after(moments[-1], 20), self.until))
        pk, code = dice.uuid(moments[0]), dice.choice(list(TESTS))
        self.orders.add(
            id=pk, created_at=moments[0], updated_at=moments[-1], version=len(moments), patient_id=patient.id,
            lab_test_id=self.tests[code], practitioner_id=patient.practitioner,
            state=self.reached[PATHS[low][-1]] if PATHS[low] else self.born, reason=WHY.get(low, ""),
            external_id=f"crowd-{pk}", sample_id=f"S{dice.randrange(10**9):09}" if low in REPORTS else "",
        )  # fmt: skip
        self.history.tell(self.lives[low], moments, pk, patient.id)
        if low in REQUISITIONS:
            self._requisition(pk, patient, REQUISITIONS[low], moments)
        if low in REPORTS:
            self._report(pk, patient, low, code, moments[-1])

    def _requisition(
        self, order: str, patient: Known, moves: tuple[str, ...], moments: list[datetime]
    ) -> None:
        """Created and issued with the order's first move, closed with its last."""
        lived = [moments[1], moments[1], moments[-1]][: 1 + len(moves)]
        pk = self.dice.uuid(lived[0])
        self.requisitions.add(
            id=pk, created_at=lived[0], updated_at=lived[-1], version=len(lived), order_id=order,
            patient_id=patient.id, state=Requisition.move(moves[-1]).target, issued_at=lived[0],
        )  # fmt: skip
        self.history.tell(walk(Requisition, moves), lived, pk, patient.id)

    def _report(self, order: str, patient: Known, low: str, code: str, at: datetime) -> None:
        dice, (state, moves) = self.dice, REPORTS[low]
        moments = [at] + [min(at + timedelta(hours=hours), self.until) for hours in range(1, 1 + len(moves))]
        pk = dice.uuid(at)
        self.reports.add(
            id=pk, created_at=at, updated_at=moments[-1], version=len(moments), order_id=order, patient_id=patient.id,
            state=state, specimen_number=f"S-{dice.randrange(10**6):06}", collected_at=at - timedelta(days=1),
            reported_at=at, released_at=moments[2] if "release" in moves else None,
        )  # fmt: skip
        self.history.tell(walk(Report, moves, {"release": Report.State.FINAL}), moments, pk, patient.id)
        for slug in TESTS[code][1]:
            self._marker(pk, patient, slug, at)

    def _marker(self, report: str, patient: Known, slug: str, at: datetime) -> None:
        name, loinc, unit, low, high = MARKERS[slug]
        lowest, highest = (Decimal(bound) if bound else None for bound in (low, high))
        middle = float(highest or lowest or 1)
        number = Decimal(f"{self.dice.lognormvariate(0, 0.25) * middle:.1f}")
        above, below = highest is not None and number > highest, lowest is not None and number < lowest
        pk = self.dice.uuid(at)
        self.results.add(
            id=pk, created_at=at, updated_at=at, report_id=report, patient_id=patient.id, name=name, slug=slug,
            loinc=loinc, value=str(number), number=number, unit=unit, min_range=lowest, max_range=highest,
            interpretation=Result.Interpretation.ABNORMAL if above or below else Result.Interpretation.NORMAL,
            above_max=above, below_min=below,
        )  # fmt: skip
