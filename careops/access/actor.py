"""Who acts: a person of the clinic, a patient, an integrator, an automation, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from careops.access.models import User


class ActorKind(StrEnum):
    STAFF = "staff"
    PATIENT = "patient"
    INTEGRATOR = "integrator"
    AUTOMATION = "automation"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as recorded on every event. ``id`` is the user's or the automation's id, "" for the system.

    A person has the permissions of their roles; an automation has exactly the permissions its published
    version lists; the system may do everything and is only ever named in code.
    """

    kind: ActorKind
    id: str = ""
    user: User | None = field(default=None, compare=False, repr=False)
    permissions: frozenset[str] = frozenset()

    @classmethod
    def system(cls) -> Actor:
        return cls(ActorKind.SYSTEM)

    @classmethod
    def of(cls, user: Any) -> Actor:
        """The actor a signed-in user is. Raises ValueError for an anonymous one: nobody may act unnamed."""
        if not user.is_authenticated:
            raise ValueError("An anonymous visitor is no actor.")
        kind = ActorKind.STAFF if user.is_staff else ActorKind.PATIENT
        return cls(kind, str(user.pk), user)

    @classmethod
    def automation(cls, automation_id: object, permissions: frozenset[str]) -> Actor:
        return cls(ActorKind.AUTOMATION, str(automation_id), None, permissions)

    def has_perm(self, permission: str) -> bool:
        """True when this actor holds ``app.codename``. An empty permission is held by the system alone."""
        if self.kind is ActorKind.SYSTEM:
            return True
        if not permission:
            return False
        if self.user is not None:
            return bool(self.user.is_active and self.user.has_perm(permission))
        return permission in self.permissions
