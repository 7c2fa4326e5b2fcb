"""A file that needs more than four hundred lines holds more than one thing."""

from __future__ import annotations

from tests.architecture.sources import files, name

CEILING = 400


def test_no_file_is_longer_than_the_ceiling() -> None:
    lengths = {
        name(path): len(path.read_text().splitlines()) for path in files(".py", ".js", ".html", ".css")
    }
    assert {path: lines for path, lines in lengths.items() if lines > CEILING} == {}
    assert len(lengths) > 100
