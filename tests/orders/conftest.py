"""Orders are looked at with the same browsers as every other record."""

from tests.api.conftest import as_staff, partner, with_key  # noqa: F401
from tests.surfaces.conftest import at_desk, plain_settings  # noqa: F401
