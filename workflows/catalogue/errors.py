"""What may go wrong when somebody changes a record. Messages are for people and never hold a patient's data."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _


class Conflict(Exception):
    """Somebody else changed the record after it was read; nothing was written. Read it again and decide anew."""

    def __init__(self, what: str) -> None:
        super().__init__(
            _("%(what)s was changed by somebody else meanwhile. Look at it again.") % {"what": what}
        )


class IllegalTransition(Exception):
    """The record's state does not allow this move; ``legal`` names the moves it does allow."""

    def __init__(self, what: str, name: str, state: str, legal: Sequence[str]) -> None:
        self.name, self.state, self.legal = name, state, tuple(legal)
        moves = ", ".join(legal) if legal else _("none")
        super().__init__(
            _("%(what)s is “%(state)s”, so “%(name)s” is not possible. Possible now: %(moves)s.")
            % {"what": what, "state": state, "name": name, "moves": moves}
        )


class NotPermitted(PermissionDenied):
    """The actor lacks the permission that the transition names; nothing was changed."""

    def __init__(self, name: str, permission: str) -> None:
        self.permission = permission
        super().__init__(
            _("“%(name)s” needs the permission %(permission)s.") % {"name": name, "permission": permission}
        )


class MisusedMachine(RuntimeError):
    """A programmer went round the one door: a state set by hand, a nested transition, a bulk update."""
