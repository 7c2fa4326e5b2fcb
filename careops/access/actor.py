"""Who acts: a person of the clinic, a patient, an integrator, an automation, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from careops.access.roles import PATIENT

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

    Staff have the permissions of their roles, a patient those of every patient, and these for their own records
    alone (``careops.access.scope``). An automation has exactly the permissions its published version lists, an
    integrator those of its key. The system may do everything and is only ever named in code.
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
        if user.is_staff:
            return cls(ActorKind.STAFF, str(user.pk), user)
        return cls(ActorKind.PATIENT, str(user.pk), user, PATIENT)

    @classmethod
    def automation(cls, automation_id: object, permissions: frozenset[str]) -> Actor:
        return cls(ActorKind.AUTOMATION, str(automation_id), None, permissions)

    @classmethod
    def integrator(cls, key_id: object, permissions: frozenset[str]) -> Actor:
        return cls(ActorKind.INTEGRATOR, str(key_id), None, permissions)

    @property
    def patient_id(self) -> UUID | None:
        """The patient this actor is; None for anybody else, and for a patient who has no record yet."""
        return self.user.patient_id if self.user is not None and self.kind is ActorKind.PATIENT else None

    def has_perm(self, permission: str) -> bool:
        """True when this actor holds ``app.codename``. An empty permission is held by the system alone."""
        if self.kind is ActorKind.SYSTEM:
            return True
        if not permission:
            return False
        if self.kind is ActorKind.STAFF:
            return bool(self.user and self.user.is_active and self.user.has_perm(permission))
        if self.user is not None and not self.user.is_active:
            return False
        return permission in self.permissions
