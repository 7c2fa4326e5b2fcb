"""The staff area's browsers, for the pages of the lab."""

from tests.surfaces.conftest import at_desk, plain_settings  # noqa: F401
