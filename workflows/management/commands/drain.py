"""Work through what is due without django-q2: for tests, for emergencies, for a machine without a queue."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from workflows.engine.drain import LANES, drain


class Command(BaseCommand):
    help = "Dispatch events and carry out due steps and deliveries until nothing is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lane", choices=sorted(LANES), help="Only this lane; all of them otherwise.")
        parser.add_argument(
            "--seconds", type=float, default=300.0, help="Stop after so many seconds at the latest."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lanes = [options["lane"]] if options["lane"] else ["bulk", "send"]
        total = 0
        while worked := sum(drain(lane, seconds=options["seconds"], until_empty=True) for lane in lanes):
            total += worked
        self.stdout.write(f"Nothing is due any more; {total} pieces of work were done.")
