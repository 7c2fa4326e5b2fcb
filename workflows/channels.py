"""The webhook channel: signed, thin, through the one guarded door, at least once with a stable id."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Any

from django.utils.translation import gettext as _

from careops.access.actor import Actor
from careops.lib.outbound import OutboundFailed, OutboundRefused, Reply, post
from careops.lib.signing import sign
from workflows.catalogue.ports import Fate, Sent, channels, ops_alert
from workflows.models import Delivery, Endpoint

#: At once, then after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h: 75.6 hours in all (DESIGN §6).
DELAYS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: Answers that mean "later": the receiver is there but cannot take it now.
GONE = 410


@dataclass(frozen=True, slots=True)
class Request:
    """Everything the POST needs, so that no database is touched while the world is slow."""

    url: str
    secret: str
    message_id: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]


class WebhookChannel:
    """Satisfies ``workflows.catalogue.Channel``."""

    name = "webhook"
    at_most_once = False
    delays: tuple[int, ...] = DELAYS

    def prepare(self, delivery: Delivery) -> Request | None:
        endpoint = delivery.endpoint
        if endpoint is None:
            return None
        headers = {endpoint.header_name: endpoint.header_value} if endpoint.header_name else {}
        return Request(
            endpoint.url, endpoint.signing_secret, f"msg_{delivery.uid.hex}", delivery.body, headers
        )

    def send(self, prepared: Request) -> Sent:
        """Signed when it is sent; the custom header first, so that it can never replace one of ours."""
        body = json.dumps(prepared.body, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {**prepared.headers, "content-type": "application/json"}
        headers |= sign([prepared.secret], prepared.message_id, int(time()), body)
        try:
            reply = post(prepared.url, body=body, headers=headers)
        except OutboundRefused as error:
            return Sent(Fate.REFUSED, str(error.message))
        except OutboundFailed as error:
            return Sent(Fate.LATER, str(error))
        return judge(reply)

    def settle(self, delivery: Delivery, sent: Sent, *, final: bool) -> None:
        """A receiver that says it is gone for good is not asked again."""
        if sent.status != GONE or delivery.endpoint is None:
            return
        endpoint = Endpoint.objects.get(pk=delivery.endpoint.pk)
        if endpoint.state != Endpoint.State.DISABLED:
            endpoint.perform("disable", by=Actor.system())
            ops_alert(
                key=f"endpoint-disabled:{endpoint.pk}",
                title=_("The webhook endpoint “%(name)s” was switched off") % {"name": endpoint.name},
                detail=_(
                    "Its receiver says it is gone for good. What is on its way waits until it is resumed."
                ),
                about=endpoint,
            )


def judge(reply: Reply) -> Sent:
    """2xx is success; 410 is final; everything else may be different later, after Retry-After where it says so."""
    if 200 <= reply.status < 300:
        return Sent(Fate.SENT, result={"body": _small_json(reply.body_start)}, status=reply.status)
    detail = _("The receiver answered %(status)s.") % {"status": reply.status}
    if reply.status == GONE:
        return Sent(Fate.REFUSED, detail, status=reply.status)
    return Sent(
        Fate.LATER, detail, status=reply.status, retry_after=_seconds(reply.headers.get("retry-after", ""))
    )


def _small_json(body: bytes) -> Any:
    """A JSON answer of up to 4 KB, for later steps to look at; anything else is not kept."""
    if len(body) > 4096:
        return None
    try:
        value = json.loads(body, parse_constant=_refuse)
        text = json.dumps(value, ensure_ascii=False)
        text.encode()  # a lone surrogate is a ValueError here, and an error of the database later
    except ValueError:
        return None
    return None if "\\u0000" in text else value


def _refuse(constant: str) -> None:
    """NaN and the infinities are no JSON, and the database refuses them."""
    raise ValueError(constant)


def _seconds(value: str) -> float | None:
    return min(float(value), 86_400.0) if value.isdigit() else None


channels.add(WebhookChannel())
