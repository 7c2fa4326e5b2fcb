"""The engine's pages are tested from the same desks as everybody else's."""

from tests.surfaces.conftest import at_desk, plain_settings

__all__ = ["at_desk", "plain_settings"]
