"""The staff area's browsers, for the pages of the lab."""

from tests.api.conftest import as_staff, partner, with_key  # noqa: F401
from tests.surfaces.conftest import at_desk, plain_settings  # noqa: F401
