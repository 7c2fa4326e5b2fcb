"""The order in which a crowd is made, and how far that has come."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TextIO

from django.db import connection, transaction

from careops.demo.crowd.dice import Dice
from careops.demo.crowd.history import History
from careops.demo.crowd.labs import ONE_IN as ONE_WITH_LABS_IN
from careops.demo.crowd.labs import Labs
from careops.demo.crowd.names import SITES
from careops.demo.crowd.orders import Orders
from careops.demo.crowd.people import People
from careops.demo.crowd.sheets import Copier
from careops.demo.crowd.tasks import ONE_IN as ONE_WITH_TASK_IN
from careops.demo.crowd.tasks import Tasks
from careops.demo.crowd.visits import EACH, Visits
from labs.models import LabOrder, LabTest, Report, Requisition, Result
from orders.models import Order, OrderLine
from patients.models import Appointment, CareTeam, CareTeamMember, Clinic, Patient, Practitioner, Task
from workflows.models import EventRecord

WRITTEN = (
    Clinic, Practitioner, CareTeam, CareTeamMember, Patient, Appointment, Order, OrderLine, LabTest, LabOrder,
    Requisition, Report, Result, Task, EventRecord,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """``bare`` are patients and their visits alone, without orders, lab work, tasks and history."""

    patients: int
    orders: int = 0
    bare: bool = False


def exists() -> bool:
    """Everything is made in one transaction: where its first clinic stands, all the rest does."""
    return Clinic.objects.filter(name=f"Crowd Health {SITES[0][0]}").exists()


def make(size: Size, *, seed: int, until: datetime, out: TextIO | None = None) -> None:
    """Make all of it or nothing. The same size, seed and moment give the same rows."""
    dice = Dice(seed)
    with transaction.atomic(), Copier() as copier:
        bar = Bar(out or sys.stderr, copier)
        with connection.cursor() as cursor:  # by the thousand, instead of remembering each until the end
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        history = History(dice, copier, kept=not size.bare)
        people = People(dice, history, until)
        people.open_clinics()
        known = people.known
        bar.run("Patients", size.patients, people.register(size.patients))
        bar.run("Appointments", EACH * len(known), Visits(dice, history, until).book(known))
        if not size.bare:
            bar.run("Lab orders", -(-len(known) // ONE_WITH_LABS_IN), Labs(dice, history, until).order(known))
            bar.run("Tasks", -(-len(known) // ONE_WITH_TASK_IN), Tasks(dice, history, until).open(known))
            bar.run("Orders", size.orders, Orders(dice, history, until).place(size.orders, known))
            bar.run("Events", history.written, history.settle())
        with connection.cursor() as cursor:
            for model in WRITTEN:
                cursor.execute(f'ANALYZE "{model._meta.db_table}"')


class Bar:
    """A line per chapter: a bar that grows on a terminal, one plain line everywhere else."""

    WIDTH = 30

    def __init__(self, out: TextIO, copier: Copier) -> None:
        self.out, self.copier = out, copier

    def run(self, label: str, total: int, steps: Iterable[int]) -> None:
        began, done = monotonic(), 0
        for number in steps:
            done += number
            if self.out.isatty():
                full = self.WIDTH * done // (total or 1)
                self.out.write(f"\r\033[K{label:<13}[{'#' * full:<{self.WIDTH}}] {done:>9,} of {total:,}")
                self.out.flush()
        self.copier.finish()
        start = "\r\033[K" if self.out.isatty() else ""
        self.out.write(f"{start}{label:<13}{done:>9,} in {monotonic() - began:.1f} s\n")
        self.out.flush()
