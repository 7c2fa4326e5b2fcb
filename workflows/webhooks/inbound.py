"""``POST /hooks/<source>/``: verify the raw bytes, store them once, answer. Nothing is believed or read here."""

from __future__ import annotations

import hashlib
import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from careops.lib.bulk import insert_if_new
from careops.lib.signing import BadSignature, verify
from workflows.catalogue.ports import inbound_sources
from workflows.models import InboundMessage, Lane
from workflows.models.event_record import WAKING

log = logging.getLogger(__name__)

#: Bytes; a lab order with all its history is about 20 kB.
LARGEST = 1_000_000


def _answer(status: int, word: str, source: str) -> JsonResponse:
    """Answers are constant and the log holds no header and no byte of the body: both come from a stranger."""
    if status >= 400:
        log.warning("Inbound message for %s: %s.", source, word)
    return JsonResponse({"status": word}, status=status)


@csrf_exempt  # the signature proves who sent it; there is no session to ride on
@require_POST
def receive(request: HttpRequest, source: str) -> HttpResponse:
    """200 once stored (or known already), 404 unknown source, 413 too large, 415 not JSON, 401 bad signature."""
    if source not in inbound_sources:
        return _answer(404, "unknown source", "an unknown source")
    if request.content_type != "application/json":
        return _answer(415, "not JSON", source)
    length = request.headers.get("Content-Length", "0")
    if not length.isdigit() or int(length) > LARGEST:
        return _answer(413, "too large", source)
    raw = request.read(LARGEST + 1)
    if len(raw) > LARGEST:
        return _answer(413, "too large", source)
    try:
        # A body that is no text is signed by nobody: the signature is made over text.
        message_id = verify(raw, request.headers, settings.INBOUND_SECRETS.get(source, []))
    except BadSignature:
        return _answer(401, "bad signature", source)
    return _answer(200, "stored" if _store(source, message_id, raw.decode()) else "known", source)


def _store(source: str, message_id: str, text: str) -> bool:
    """Keep the message unless its id is known, and tell a worker. True when it is new."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    message = InboundMessage(
        source=source, message_id=message_id, body_hash=digest, body=text, lane=Lane.INTERACTIVE
    )
    return insert_if_new(message, ("source", "message_id"), then=WAKING)
