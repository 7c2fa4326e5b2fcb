"""Keys of the API: making, rotating, revoking, and knowing one by its secret.

A secret is 256 random bits and is told once, when it is made. We keep its SHA-256: a random text of that length needs no
slow hash, for nobody can try them out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from careops.access import roles
from careops.access.actor import Actor
from careops.access.audit import audit
from careops.access.models import ApiKey, AuditEntry
from careops.lib.clock import RealNow
from careops.lib.ids import uuid7

START = "co_live_"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
PREFIX_LENGTH = len(START) + 8
SECRET = re.compile(rf"{START}[{LETTERS}]{{8}}_[\w-]{{43}}", re.ASCII)
LONGEST_LIFE = timedelta(days=366)
OVERLAP, LONGEST_OVERLAP = timedelta(hours=24), timedelta(days=7)
#: ``last_used_at`` is written at most this often.
USED_EVERY = timedelta(minutes=1)


class Refused(Exception):
    """Why a key cannot be made or rotated like that, for whoever asked."""


def grantable(by: Actor) -> frozenset[str]:
    """What that person may give to a key: of the ceiling, what they hold themselves."""
    return frozenset(permission for permission in roles.INTEGRATOR if by.has_perm(permission))


@transaction.atomic
def issue(
    *, name: str, permissions: Iterable[str], expires_at: datetime, by: Actor, pk: UUID | None = None
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can tell again. Raises Refused, also when there is a key of that id."""
    asked = frozenset(permissions)
    if by.user is None or not asked <= grantable(by):
        raise Refused(_("You cannot give away what you do not hold yourself."))
    now = _now()
    if not now < expires_at <= now + LONGEST_LIFE:
        raise Refused(_("A key expires within twelve months."))
    prefix = START + "".join(secrets.choice(LETTERS) for _place in range(8))
    secret = _secret(prefix)
    known = {
        "name": name, "owner": by.user, "prefix": prefix, "hash": _hash(secret), "permissions": sorted(asked),
        "expires_at": expires_at,
    }  # fmt: skip
    key, made = ApiKey.objects.get_or_create(pk=pk or uuid7(), defaults=known)
    if not made:
        raise Refused(
            _("This key is made already, and its secret was shown. Open the page again for another key.")
        )
    audit(AuditEntry.Act.SECRET, by, ApiKey, [key.pk], reason="made")
    return key, secret


@transaction.atomic
def rotate(
    key: ApiKey, *, by: Actor, overlap: timedelta = OVERLAP, replaces: str | None = None
) -> tuple[ApiKey, str]:
    """A new secret for the key; the old one works on for the overlap. Raises Refused.

    ``replaces`` is the ``secret_id`` of the secret that is meant, so that asking twice does not cut the overlap; None
    means whichever there is. Whoever sees the new secret can do what the key can, so they must hold all of it themselves.
    """
    key = ApiKey.objects.select_for_update(of=("self",)).get(pk=key.pk)
    now = _now()
    if not key.is_usable(now):
        raise Refused(_("This key works no more. Make a new one."))
    if replaces not in (None, key.secret_id):
        raise Refused(
            _("The key got a new secret since this page was opened. Open it again for another one.")
        )
    if not frozenset(key.permissions) <= grantable(by):
        raise Refused(_("You cannot give away what you do not hold yourself."))
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Refused(_("The old secret works for seven days at most."))
    secret = _secret(key.prefix)
    key.previous_hash, key.previous_until = key.hash, now + overlap
    key.hash = _hash(secret)
    key.save(update_fields=["hash", "previous_hash", "previous_until"])
    audit(AuditEntry.Act.SECRET, by, ApiKey, [key.pk], reason="rotated")
    return key, secret


@transaction.atomic
def revoke(key: ApiKey, *, by: Actor) -> None:
    """From this moment neither its secret nor an older one is worth anything. Twice is once."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=RealNow()):
        audit(AuditEntry.Act.SECRET, by, ApiKey, [key.pk], reason="revoked")


def authenticate(token: str) -> ApiKey | None:
    """The usable key of that secret, or None; how long it takes tells nothing about the secret."""
    if not SECRET.fullmatch(token):
        return None
    found = ApiKey.objects.annotate(now=RealNow()).filter(prefix=token[:PREFIX_LENGTH]).first()
    given = _hash(token)
    fits = hmac.compare_digest(given, found.hash if found else "")
    fits_old = hmac.compare_digest(given, found.previous_hash if found else "")
    if found is None or not found.is_usable(found.now):
        return None
    if not fits and not (fits_old and found.previous_until is not None and found.now < found.previous_until):
        return None
    _note_use(found, found.now)
    return found


def actor_of(key: ApiKey) -> Actor:
    """The key as somebody who acts. The ceiling is asked again: lowering it takes effect at once."""
    return Actor.integrator(key.pk, frozenset(key.permissions) & roles.INTEGRATOR)


def _note_use(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is None or now - key.last_used_at >= USED_EVERY:
        long_ago = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
        ApiKey.objects.filter(long_ago, pk=key.pk).update(last_used_at=now)


def _secret(prefix: str) -> str:
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> datetime:
    """By the server's real clock: travelling in time neither ends nor prolongs a key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
