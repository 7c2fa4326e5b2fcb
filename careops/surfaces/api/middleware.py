"""What every request under /api/ passes first: its id, one identity, and refusals in one shape whoever refuses."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from careops.surfaces.api.problem import MEDIA_TYPE, Problem

API = "/api/"
REQUEST_ID = "X-Request-ID"


class ApiRequests:
    """Stands before the session's middleware: a request with an Authorization header comes without its session.

    So neither does a key borrow what a browser's cookie may do, nor does the cookie's owner stand in the key's way.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(API):
            return self.get_response(request)
        request.request_id = _id_of(request)
        if "Authorization" in request.headers:
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        response = self.get_response(request)
        if (
            response.status_code >= HTTPStatus.BAD_REQUEST
            and response.headers.get("Content-Type") != MEDIA_TYPE
        ):
            response = _in_shape(response)
        response.headers[REQUEST_ID] = str(request.request_id)
        return response


def _id_of(request: HttpRequest) -> uuid.UUID:
    """The caller's own, where it is a UUID; else a new one."""
    try:
        return uuid.UUID(request.headers.get(REQUEST_ID, ""))
    except ValueError:
        return uuid.uuid4()


def _in_shape(response: HttpResponse) -> HttpResponse:
    """A refusal of Django's own, and any failure, without its details. A 405 says which methods there are."""
    allow = {name: text for name, text in response.headers.items() if name == "Allow"}
    return JsonResponse(
        Problem(response.status_code).body(),
        status=response.status_code,
        content_type=MEDIA_TYPE,
        headers=allow,
    )
