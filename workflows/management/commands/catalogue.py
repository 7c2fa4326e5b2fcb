"""``manage.py catalogue``: what this installation knows how to hear, ask and do, as JSON or as docs/catalogue.md."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from workflows.management.page import page, rows


class Command(BaseCommand):
    help = "Print the declared events (json), or the whole catalogue (markdown)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=("json", "markdown"), default="json")
        parser.add_argument(
            "--check", action="store_true", help="Print nothing; fail when docs/catalogue.md is out of date."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self._check()
        elif options["format"] == "markdown":
            self.stdout.write(page())
        else:
            self.stdout.write(json.dumps(rows(), indent=2, ensure_ascii=False))

    def _check(self) -> None:
        """Raises CommandError, naming the command that puts it right."""
        written = settings.BASE_DIR / "docs" / "catalogue.md"
        if not written.is_file() or written.read_text() != page():
            raise CommandError(
                "docs/catalogue.md is not what the code declares: run `make docs` and commit it."
            )
