"""``manage.py generate``: fill a database with a crowd, for measuring and for looking at long lists."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from careops.demo.crowd import making
from careops.lib import clock


class Command(BaseCommand):
    help = "Fill a database with a crowd of patients and everything about them, their history included."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--patients", type=int, default=200_000)
        parser.add_argument("--orders", type=int, default=1_000_000)
        parser.add_argument("--seed", type=int, default=1, help="The same seed and day give the same rows.")
        parser.add_argument(
            "--until", type=date.fromisoformat, help="The last day of their history; today's by default."
        )
        parser.add_argument(
            "--bare", action="store_true", help="Patients and their visits alone, without orders and history."
        )

    def handle(self, *, patients: int, orders: int, seed: int, until: date | None, **options: Any) -> None:
        """Raises CommandError for a database that may hold real patients, and for one that has its crowd."""
        if not settings.DEMO and not connection.settings_dict["NAME"].endswith("_bench"):
            raise CommandError(
                "A crowd is for the demo (CAREOPS_DEMO=1) or for a database whose name ends with _bench."
            )
        if patients < 1 and orders:
            raise CommandError("Orders need a patient.")
        if making.exists():
            raise CommandError("The crowd is here already.")
        size = making.Size(patients, orders, bare=options["bare"])
        end = datetime.combine(until or clock.now().date(), time(), UTC)
        making.make(size, seed=seed, until=end, out=self.stderr._out)
