"""The engine's pages are tested from the same desks as everybody else's."""

from tests.api.conftest import as_staff, partner, with_key
from tests.surfaces.conftest import at_desk, plain_settings

__all__ = ["as_staff", "at_desk", "partner", "plain_settings", "with_key"]
