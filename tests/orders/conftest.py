"""Orders are looked at with the same browsers as every other record."""

from tests.surfaces.conftest import at_desk, plain_settings  # noqa: F401
