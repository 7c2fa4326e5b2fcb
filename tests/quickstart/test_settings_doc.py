"""docs/settings.md names every environment variable there is, and none there is not."""

import re

from tests.quickstart.helpers import REPO

READ_BY_SETTINGS = re.compile(r"""\benv(?:\.\w+)?\(\s*["']([A-Z][A-Z0-9_]*)["']""")
READ_BY_QUICKSTART = re.compile(r"""os\.environ(?:\.get\(|\[)\s*["']([A-Z][A-Z0-9_]*)["']""")
ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \|", re.MULTILINE)


def read() -> set[str]:
    names = set(READ_BY_SETTINGS.findall((REPO / "careops" / "settings.py").read_text()))
    for module in (REPO / "careops" / "quickstart").glob("*.py"):
        names |= set(READ_BY_QUICKSTART.findall(module.read_text()))
    return {name.removesuffix("_FILE") for name in names}


def test_every_setting_has_its_row_and_every_row_its_setting() -> None:
    rows = ROW.findall((REPO / "docs" / "settings.md").read_text())
    assert len(rows) == len(set(rows))
    assert set(rows) == read()
    assert len(rows) > 15
