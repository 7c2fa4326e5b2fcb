"""The browser that the tests of the staff area sign in with."""

from tests.surfaces.conftest import at_desk, plain_settings

__all__ = ["at_desk", "plain_settings"]
