"""What every address of the API does: knows the caller, counts them, checks what they ask, and answers in one shape.

Everything that holds for the whole API is decided here, so that a noun's own file only declares.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from datetime import UTC
from typing import Any
from uuid import UUID

from django.db import OperationalError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from careops.access import idempotency
from careops.access.actor import Actor, ActorKind
from careops.access.rates import Rate
from careops.surfaces.api.authentication import KeyAuthentication, StaffSession, read_anew
from careops.surfaces.api.parsing import UNSTORABLE, StorableJSONParser
from careops.surfaces.api.problem import MEDIA_TYPE, Problem, bad_parameters, problem_of
from careops.surfaces.api.throttling import count_request, too_many
from workflows.catalogue.recording import acting
from workflows.catalogue.registry import complain

MOST_BYTES = 1024 * 1024
SAFE = ("GET", "HEAD")
#: What of a reply is kept beside its body, for whoever asks again with the same key.
KEPT_HEADERS = ("ETag", "Location", "Content-Type", "Retry-After")
KEY = re.compile(r"[\x21-\x7e]{1,255}")

Handler = Callable[..., Response]


class ApiView(APIView):
    """The base of every view. ``actor`` is the caller, ``rate`` where they stand in their minute."""

    authentication_classes = (KeyAuthentication, StaffSession)
    permission_classes = ()
    throttle_classes = ()
    parser_classes = (StorableJSONParser,)
    renderer_classes = (JSONRenderer,)
    metadata_class = None
    http_method_names = ("get", "head", "post", "patch")

    request_id: UUID
    actor: Actor
    rate: Rate | None = None

    # ── The way of a request ─────────────────────────────────────────────────────────────────────────────
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs, self.headers = args, kwargs, {}
        self.request_id = request.request_id
        self.request = self.initialize_request(request, *args, **kwargs)
        with timezone.override(UTC):
            try:
                self.initial(self.request, *args, **kwargs)
                response = self._carried_out(self._handler())
            except Exception as error:  # noqa: BLE001  (handle_exception raises what is no refusal again)
                response = self.handle_exception(error)
            return self.finalize_response(self.request, response, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whatever is refused here is refused before anything is read or done."""
        self.format_kwarg = None
        self.actor = self._known_caller(request)
        self.rate = count_request(self.actor)
        if self.rate.exceeded:
            raise too_many(self.rate)
        negotiated = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = negotiated
        self._handler()
        self.check_permissions(request)
        self._check_query(request)
        self._check_length(request)

    def look_again(self) -> None:
        """For whoever waited inside a request: a key revoked, a session ended or a permission taken meanwhile is refused
        as it would have been at the beginning."""
        read_anew(self.request._request)
        self.actor = self._known_caller(self.initialize_request(self.request._request))
        self.check_permissions(self.request)

    def _known_caller(self, request: Request) -> Actor:
        if not isinstance(request.auth, Actor):
            raise NotAuthenticated(_("Say who you are: with a key in the Authorization header."))
        return request.auth

    def _handler(self) -> Handler:
        method = self.request.method.lower()
        found = getattr(self, method, None) if method in self.http_method_names else None
        if found is None:
            raise MethodNotAllowed(self.request.method)
        return found

    # ── What is asked ────────────────────────────────────────────────────────────────────────────────────
    def query_parameters(self) -> Collection[str]:
        """The names this address takes in its query."""
        return ()

    def repeatable_parameters(self) -> Collection[str]:
        """Those of them that take several values. Of any other one value would be taken and the rest ignored."""
        return ()

    def _check_query(self, request: Request) -> None:
        known = sorted(self.query_parameters())
        strange = {
            name: [complain(_("parameter"), name, known)]
            for name in request.query_params
            if name not in known
        }
        broken = {
            name: [_("This holds a character that is no text.")]
            for name, values in request.query_params.lists()
            if any(UNSTORABLE.search(value) for value in values)
        }
        doubled = {
            name: [_("This can be given once.")]
            for name, values in request.query_params.lists()
            if len(values) > 1 and name not in self.repeatable_parameters()
        }
        if strange or broken or doubled:
            raise bad_parameters({**doubled, **broken, **strange})

    def _check_length(self, request: Request) -> None:
        """A body sent in chunks would be read as none: the server hands on as many bytes as were announced."""
        if "Transfer-Encoding" in request.headers:
            raise Problem(411, _("Say with Content-Length how long the body is, and send it in one piece."))
        if _length(request) > MOST_BYTES:
            raise Problem(413, _("A body holds one megabyte at most."))

    # ── What is done ─────────────────────────────────────────────────────────────────────────────────────
    def _carried_out(self, handler: Handler) -> Response:
        """What a request changes is recorded as the caller's, in one transaction with its reply."""
        with acting(self.actor, correlation_id=self.request_id):
            if self.request.method in SAFE:
                return handler(self.request, *self.args, **self.kwargs)
            if self.request.method == "POST" and (key := self._idempotency_key()):
                return self._once(key, handler)
            with transaction.atomic():
                return handler(self.request, *self.args, **self.kwargs)

    def _idempotency_key(self) -> str:
        """The caller's, "" for none. Programs try again after a broken line, so theirs must come with one."""
        key = self.request.headers.get("Idempotency-Key", "")
        if key and not KEY.fullmatch(key):
            told = _("An Idempotency-Key is 1 to 255 visible ASCII characters.")
            raise Problem(400, told, name="idempotency-key-invalid")
        if not key and self.actor.kind is ActorKind.INTEGRATOR:
            told = _("Send an Idempotency-Key, so that the request can be repeated safely.")
            raise Problem(400, told, name="idempotency-key-missing")
        return key

    def _once(self, key: str, handler: Handler) -> Response:
        """Carried out, or the reply it had before. A failure of ours is no reply: it may be tried again."""
        claim = idempotency.claim(self.actor, key, self._request_hash())
        if isinstance(claim, idempotency.Reply):
            return _Replay(claim)
        try:
            with transaction.atomic():
                response = self._rendered(handler(self.request, *self.args, **self.kwargs))
                claim.answer(_reply(response))
        except idempotency.Lost:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it was, nothing was done)
            response = self._refused_once(claim, error)
        return response

    def _refused_once(self, claim: idempotency.Claim, error: Exception) -> Response:
        try:
            response = self._rendered(self.handle_exception(error))
        except BaseException:
            claim.release()
            raise
        # Chance decided, not the request: asked again, it may be done.
        if isinstance(error, OperationalError):
            claim.release()
        else:
            claim.answer(_reply(response))
        return response

    def _request_hash(self) -> str:
        asked = (
            f"{self.request.method} {self.request.get_full_path()}\n".encode() + self.request._request.body
        )
        return hashlib.sha256(asked).hexdigest()

    def _rendered(self, response: Response) -> Response:
        return self.finalize_response(self.request, response, *self.args, **self.kwargs).render()

    # ── How it is answered ───────────────────────────────────────────────────────────────────────────────
    def handle_exception(self, error: Exception) -> Response:
        """The refusal that the error means; an error that means none goes on, and ends as a bare 500."""
        problem = problem_of(error)
        if problem is None:
            raise error
        headers = problem.headers | (
            {"Allow": ", ".join(self.allowed_methods)} if problem.status == 405 else {}
        )
        return Response(problem.body(), problem.status, headers=headers, content_type=MEDIA_TYPE)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        if self.rate is not None:
            for name, value in self.rate.headers.items():
                response.headers[name] = value
        return response


def _length(request: Request) -> int:
    """As announced; a body without a length is read as empty."""
    told = request.META.get("CONTENT_LENGTH") or "0"
    return int(told) if told.isdecimal() else 0


class _Replay(Response):
    """A reply that was sent before, word for word."""

    def __init__(self, reply: idempotency.Reply) -> None:
        super().__init__(status=reply.status, headers={**reply.headers, "Idempotency-Replayed": "true"})
        self.content = reply.body.encode()


def _reply(response: Response) -> idempotency.Reply:
    kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return idempotency.Reply(response.status_code, kept, response.content.decode())
