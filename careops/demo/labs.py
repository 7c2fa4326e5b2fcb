"""The lab: a lab order in every status, reports with markers over time, and two orders waiting to be completed."""

from __future__ import annotations

from decimal import Decimal

from careops.access.actor import Actor
from careops.demo.past import back_then
from careops.demo.people import Cast
from careops.lib import clock
from labs.models import LabOrder, LabTest, Report, Result
from patients.models import Patient

#: Marker → name, LOINC, unit, range (None: open on that side).
MARKERS = {
    "hba1c": ("Hemoglobin A1c", "4548-4", "%", "4.0", "5.6"),
    "glucose": ("Glucose", "2345-7", "mg/dL", "70", "99"),
    "ldl-cholesterol": ("LDL cholesterol", "13457-7", "mg/dL", None, "99"),
    "hdl-cholesterol": ("HDL cholesterol", "2085-9", "mg/dL", "40", None),
    "triglycerides": ("Triglycerides", "2571-8", "mg/dL", None, "149"),
    "tsh": ("Thyrotropin (TSH)", "3016-3", "mIU/L", "0.4", "4.0"),
}
#: Code → name, markers.
TESTS = {
    "metabolic": ("Metabolic panel", ("hba1c", "glucose")),
    "lipid": ("Lipid panel", ("ldl-cholesterol", "hdl-cholesterol", "triglycerides")),
    "thyroid": ("Thyroid screen", ("tsh",)),
}

#: Low-level word of the status → the moves that lead there.
PATHS = {
    "ordered": (),
    "requisition_created": ("create_requisition",),
    "requisition_bypassed": ("bypass_requisition",),
    "draw_completed": ("create_requisition", "complete_draw"),
    "partial_results": ("create_requisition", "complete_draw", "receive_partial_results"),
    "completed": ("create_requisition", "complete_draw", "complete"),
    "corrected": ("create_requisition", "complete_draw", "complete", "correct"),
    "sample_error": ("create_requisition", "complete_draw", "fail_sample"),
    "cancelled": ("create_requisition", "cancel"),
}
REASONS = {
    "fail_sample": {"reason": "The sample was hemolyzed"},
    "cancel": {"reason": "The patient went to another lab"},
}

#: Four visits to the lab, quarter by quarter: somebody's sugar comes down, somebody's cholesterol does not. Ada,
#: who reads hers on the portal, has both tests.
TRENDS = (
    (1, "metabolic", (("8.1", "182"), ("7.4", "161"), ("6.6", "128"), ("5.9", "104"))),
    (5, "lipid", (("121", "52", "148"), ("138", "49", "171"), ("149", "44", "190"), ("156", "38", "214"))),
    (8, "thyroid", (("6.8",), ("5.1",), ("3.9",), ("2.7",))),
    (0, "metabolic", (("5.4", "92"), ("5.5", "95"), ("5.4", "90"), ("5.6", "97"))),
    (0, "lipid", (("162", "38", "188"), ("143", "41", "161"), ("124", "46", "142"), ("108", "52", "128"))),
)


def seed(cast: Cast) -> str:
    with back_then(days=390, by=cast.staff["olga"]):
        tests = {
            code: LabTest.objects.create(code=code, name=name, lab="Harbor Reference Laboratory")
            for code, (name, _markers) in TESTS.items()
        }
    patients = cast.active()
    for place, (low, path) in enumerate(PATHS.items()):
        order = _order(cast, patients[10 + 3 * place], tests["lipid"], path, finished=1 + place)
        if "complete" in path or low == "partial_results":
            values = ("131", "41", "160") if "complete" in path else ("131",)
            _report(cast, order, values, days=1 + place, corrected=low == "corrected")
    for place, code, quarters in TRENDS:
        for quarter, values in enumerate(quarters):
            days = 4 + 88 * (len(quarters) - 1 - quarter)
            order = _order(cast, patients[place], tests[code], PATHS["completed"], finished=days)
            _report(cast, order, values, days=days)
    critical = _order(cast, patients[14], tests["metabolic"], PATHS["partial_results"], finished=0.1)
    _report(cast, critical, ("11.2", "412"), days=0.1)
    _waiting(cast, tests["metabolic"])
    return f"{LabOrder.objects.count()} lab orders, {Result.objects.count()} markers"


def _waiting(cast: Cast, test: LabTest) -> None:
    """A 39- and a 40-year-old: complete their orders and see which of the two the automation is for."""
    for patient in cast.patients[2:4]:
        _order(cast, patient, test, PATHS["draw_completed"], finished=0.2)


def _order(cast: Cast, patient: Patient, test: LabTest, path: tuple[str, ...], finished: float) -> LabOrder:
    """One move a day, the last one that many days ago."""
    lena = cast.staff["lena"]
    with back_then(days=finished + len(path), by=cast.staff["omar"]):
        order = LabOrder.objects.create(patient=patient, lab_test=test, practitioner=cast.practitioners[0])
    for left, move in enumerate(path, start=1 - len(path)):
        with back_then(days=finished - left, by=lena):
            order = order.perform(move, by=lena, **REASONS.get(move, {}))
    return order


def _report(
    cast: Cast, order: LabOrder, values: tuple[str, ...], *, days: float, corrected: bool = False
) -> None:
    """The markers of an order. A final report is released to the patient; a preliminary one is not."""
    lena, omar = cast.staff["lena"], cast.staff["omar"]
    with back_then(days=days, by=lena):
        report = Report.objects.create(
            order=order, specimen_number=f"S-{str(order.pk)[-6:]}", collected_at=clock.now(), reported_at=clock.now()
        )  # fmt: skip
        for slug, value in zip(TESTS[order.lab_test.code][1], values, strict=False):
            _marker(report, slug, Decimal(value))
        if order.words.high != "completed":
            return
        report = report.perform("finalise", by=lena)
    _release(report, omar, days)
    if corrected:
        with back_then(days=days / 3, by=lena):
            Report.objects.get(pk=report.pk).perform("correct", by=lena)


def _release(report: Report, omar: Actor, days: float) -> None:
    with back_then(days=days / 2, by=omar):
        report.perform("release", by=omar)


def _marker(report: Report, slug: str, number: Decimal) -> None:
    name, loinc, unit, low, high = MARKERS[slug]
    low, high = (Decimal(bound) if bound else None for bound in (low, high))
    outside = (low is not None and number < low) or (high is not None and number > high)
    far = high is not None and number > 4 * high
    words = Result.Interpretation
    Result.objects.create(
        report=report, name=name, slug=slug, loinc=loinc, value=str(number), number=number, unit=unit,
        min_range=low, max_range=high,
        interpretation=words.CRITICAL if far else words.ABNORMAL if outside else words.NORMAL,
    )  # fmt: skip
