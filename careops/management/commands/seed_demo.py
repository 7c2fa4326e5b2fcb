"""``manage.py seed_demo``: fill an empty installation with the demo clinic, once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from careops.demo import automations, labs, orders, people, visits


class Command(BaseCommand):
    help = "Fill an empty installation with the demo clinic. Run again, it changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--logins", action="store_true", help="only print who may sign in, and how")

    def handle(self, *, logins: bool, **options: Any) -> None:
        """Raises CommandError outside the demo: its password is known to everybody."""
        if not settings.DEMO:
            raise CommandError(
                "The demo clinic is for the demo only: its password is public. Set CAREOPS_DEMO=1."
            )
        if logins:
            self.print_logins()
        elif people.exists():
            self.stdout.write("The demo clinic is here already.")
        else:
            self.seed()

    @transaction.atomic
    def seed(self) -> None:
        """All of it or nothing, so that a second attempt never finds half a clinic."""
        self.stdout.write("People …")
        cast = people.seed()
        self.stdout.write(f"  {len(cast.patients)} patients, {len(cast.staff)} colleagues")
        for title, chapter in (
            ("Appointments and tasks", visits),
            ("Lab", labs),
            ("Orders", orders),
            ("Automations", automations),
        ):
            self.stdout.write(f"{title} …")
            self.stdout.write(f"  {chapter.seed(cast)}")

    def print_logins(self) -> None:
        for address, role in people.logins():
            self.stdout.write(f"  {address:<32}{role}")
        self.stdout.write(f"  Their password is {people.PASSWORD}")
