"""Versions as entity tags: read only what changed (If-None-Match), change only what you have read (If-Match)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from rest_framework.request import Request

from careops.surfaces.api.problem import Problem


def etag_of(record: Any, parts: Iterable[str] = ()) -> str:
    """A strong tag: the record's version, and those of the parts that are shown with it and edited by themselves."""
    versions = [f"{part.pk}={part.version}" for name in parts for part in getattr(record, name).all()]
    if not versions:
        return f'"{record.version}"'
    digest = hashlib.sha256(",".join(sorted(versions)).encode()).hexdigest()
    return f'"{record.version}-{digest[:12]}"'


def is_known(request: Request, etag: str) -> bool:
    """Has the caller got this version already? A weak tag of ours will do (RFC 9110 §13.1.2)."""
    tags = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
    return etag in tags or "*" in tags


def require_match(request: Request, etag: str) -> None:
    """Raises Problem when the caller means another version than this one."""
    header = request.headers.get("If-Match")
    if header is None:
        return
    tags = parse_etags(header)
    if etag not in tags and "*" not in tags:
        told = _("The record is no longer what you read. Read it again, and decide anew.")
        raise Problem(412, told, name="stale", headers={"ETag": etag})
