"""Who may enter, and what they did: users, the API's keys and what it keeps about their requests, the audit trail."""

from careops.access.models.api_key import ApiKey
from careops.access.models.audit_entry import AuditEntry
from careops.access.models.idempotency import IdempotencyRecord
from careops.access.models.limits import RateWindow, WaitingPlace
from careops.access.models.user import User, UserManager, languages, validate_timezone

__all__ = [
    "ApiKey",
    "AuditEntry",
    "IdempotencyRecord",
    "RateWindow",
    "User",
    "UserManager",
    "WaitingPlace",
    "languages",
    "validate_timezone",
]
