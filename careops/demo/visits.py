"""The clinic's days: visits of the past year, today in full swing, what is booked, and the work about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from careops.access.actor import Actor
from careops.access.models import User
from careops.demo.past import back_then
from careops.demo.people import Cast
from careops.lib import clock
from patients.models import Appointment, Patient, Task, TaskComment

SERVICES = tuple(Appointment.Service.values)

#: What Ada, who signs in to the portal, finds there besides: service, days from today, state.
ADAS = (
    ("Results Review", -86, "completed"),
    ("Initial Evaluation", -190, "completed"),
    ("Treatment Session", -120, "cancelled"),
    ("Telehealth Visit", 16, "confirmed"),
)
FRIDAY = 4

#: Where today's visits stand, half an hour apart, around this moment: what is over, who is here, who is to come.
TODAY = (
    "completed", "completed", "completed", "no_show", "completed", "checked_in", "checked_in",
    "confirmed", "confirmed", "booked", "cancelled", "confirmed", "booked", "booked",
)  # fmt: skip

#: State → the moves that lead there, and who makes them.
MOVES = {
    "booked": (),
    "confirmed": (("confirm", "nia"),),
    "checked_in": (("confirm", "nia"), ("check_in", "nia")),
    "completed": (("confirm", "nia"), ("check_in", "nia"), ("complete", "omar")),
    "no_show": (("confirm", "nia"), ("mark_no_show", "nia")),
    "cancelled": (("cancel", "nia"),),
}

#: Title, for which role or colleague, due in how many hours (None: whenever), how urgent, and how far it has come.
TASKS = (
    ("Call back about a rescheduled visit", "front desk", -50, "high", "open"),
    ("Send the referral letter", "nia", -26, "normal", "in_progress"),
    ("Check the insurance card", "front desk", -5, "normal", "open"),
    ("Review the abnormal lipid panel", "omar", -2, "urgent", "open"),
    ("Prepare the room for the 3 p.m. session", "front desk", 3, "low", "open"),
    ("Call about medication side effects", "clinician", 4, "high", "open"),
    ("Label the samples of the morning", "lab tech", 2, "normal", "in_progress"),
    ("Ask for the missing consent", "front desk", 6, "normal", "open"),
    ("Two-week check after the evaluation", "clinician", 24 * 13, "normal", "open"),
    ("Order new test kits", "lab tech", None, "low", "open"),
    ("Update the emergency contact", "front desk", -80, "normal", "completed"),
    ("Sign the care plan", "omar", -30, "high", "completed"),
    ("Chase the shipping label", "pharmacist", -60, "normal", "completed"),
    ("Print new intake forms", "front desk", -100, "low", "cancelled"),
)


def seed(cast: Cast) -> str:
    patients = cast.active()
    _history(cast, patients)
    _today(cast, patients)
    _upcoming(cast, patients)
    for place, (service, days, state) in enumerate(ADAS):
        _visit(cast, patients[0], service, _slot(patients[0], days, place), state)
    for place, task in enumerate(TASKS):
        _task(cast, patients[place * 3], *task)
    return f"{Appointment.objects.count()} appointments, {len(TASKS)} tasks"


# ── Visits ────────────────────────────────────────────────────────────────────────────────────────────────
def _history(cast: Cast, patients: list[Patient]) -> None:
    """Up to three visits each; every third patient has not been here for over three months."""
    for place, patient in enumerate(patients):
        latest = 100 if place % 3 == 0 else 6
        known_for = (clock.now() - patient.created_at).days
        for visit in range(place % 4):
            days = latest + 29 * visit + place % 17
            if days < known_for - 12:
                state = ("completed", "completed", "completed", "no_show", "cancelled")[(place + visit) % 5]
                service = SERVICES[(place + visit) % len(SERVICES)]
                _visit(cast, patient, service, _slot(patient, -days, place), state)


def _today(cast: Cast, patients: list[Patient]) -> None:
    now = clock.now().replace(second=0, microsecond=0)
    half_past = now.replace(minute=30 * (now.minute // 30))
    for place, state in enumerate(TODAY):
        starts = half_past + timedelta(minutes=30) * (place - TODAY.index("confirmed") + 1)
        _visit(cast, patients[5 + 4 * place], SERVICES[place % len(SERVICES)], starts, state)


def _upcoming(cast: Cast, patients: list[Patient]) -> None:
    """The next two weeks; one visit moved to another day, one that was called off takes place after all."""
    nia = cast.staff["nia"]
    for place in range(24):
        patient, service = patients[2 * place], SERVICES[(place * 5) % len(SERVICES)]
        state = ("booked", "confirmed", "booked")[place % 3]
        _visit(cast, patient, service, _slot(patient, 1 + place // 2, place), state)
    moved = _visit(cast, patients[3], "Follow-up", _slot(patients[3], 2, 4), "booked")
    restored = _visit(cast, patients[7], "Telehealth Visit", _slot(patients[7], 4, 9), "cancelled")
    with back_then(days=0.001, by=nia):
        moved.perform("reschedule", by=nia, starts_at=moved.starts_at + timedelta(days=7))
        restored.perform("restore", by=nia)


def _slot(patient: Patient, days: int, place: int) -> datetime:
    """Some half hour between nine and four, where the patient's clinic is, on a working day about then."""
    local = clock.now().astimezone(ZoneInfo(patient.clinic.timezone)) + timedelta(days=days)
    if local.weekday() > FRIDAY:
        local += timedelta(days=2 if days > 0 else -2)
    return local.replace(hour=9 + place % 7, minute=30 * (place % 2), second=0, microsecond=0)


def _visit(cast: Cast, patient: Patient, service: str, starts: datetime, state: str) -> Appointment:
    """Booked nine days ahead, or two days ago; each later move at its own time, and none of them to come."""
    days_ago = (clock.now() - starts) / timedelta(days=1)
    with back_then(days=days_ago + 9 if days_ago > -1 else 2, by=cast.staff["nia"]):
        appointment = Appointment.objects.create(
            patient=patient,
            practitioner=patient.practitioner or cast.practitioners[0],
            clinic=patient.clinic,
            service=service,
            starts_at=starts,
            ends_at=starts + timedelta(minutes=30),
        )
    for (move, who), before in zip(MOVES[state], (2, 0, -0.02), strict=False):
        by = cast.staff[who]
        with back_then(days=max(days_ago + before, 0.003), by=by):
            appointment = appointment.perform(move, by=by)
    return appointment


# ── Tasks ────────────────────────────────────────────────────────────────────────────────────────────────────
def _task(
    cast: Cast, patient: Patient, title: str, whose: str, due: int | None, priority: str, state: str
) -> None:
    nia = cast.staff["nia"]
    assignee: User | None = cast.staff[whose].user if whose in cast.staff else None
    moves = {
        "open": (),
        "in_progress": ("start",),
        "completed": ("start", "complete"),
        "cancelled": ("cancel",),
    }
    with back_then(days=5, by=nia):
        task = Task.objects.create(
            title=title,
            patient=patient,
            priority=priority,
            assignee=assignee,
            role="" if assignee else whose,
            due_at=None if due is None else clock.now() + timedelta(days=5, hours=due),
        )
    by: Actor = cast.staff[whose] if assignee else nia
    for days, move in zip((2, 1), moves[state], strict=False):
        with back_then(days=days, by=by):
            task = task.perform(move, by=by)
    if state == "in_progress":
        with back_then(days=1, by=by):
            TaskComment.objects.create(task=task, author=by.user, text="Waiting for them to call back.")
