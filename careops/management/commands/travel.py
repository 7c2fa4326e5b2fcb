"""Move the demo's clock, so that waits pass without anybody sleeping."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from careops.lib import clock
from careops.travel import LEAPS, travel


class Command(BaseCommand):
    help = "Move the demo's clock for every process: 1m, 1h, 1d, 1w, 2w, or back to the present."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("leap", choices=list(LEAPS))

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Only the demo may travel in time: a clinic's clock is never moved.")
        clock.follow_demo()
        shift = travel(options["leap"])
        self.stdout.write(
            f"The demo's clock is {shift} ahead of the real time: {clock.now():%Y-%m-%d %H:%M} UTC."
        )
