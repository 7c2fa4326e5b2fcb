"""A small world for the tests of conditions: travellers kept as JSON in Django's session table, any value missing.

Conditions must not depend on the domain apps, so their tests borrow a table that is always there.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.db.models import (
    BooleanField,
    Case,
    DateField,
    DateTimeField,
    Exists,
    F,
    FloatField,
    Func,
    IntegerField,
    JSONField,
    OuterRef,
    TextField,
    When,
)
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.db.models.lookups import IsNull

from workflows.catalogue import EventFact, Fact, Parameter, Privacy, ValueKind

MODEL = "sessions.Session"
AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PLANS = [("gold", "Gold plan"), ("silver", "Silver plan"), ("none", "No plan")]
TEXTS: ArrayField = ArrayField(TextField())


def key(name: str) -> KeyTextTransform:
    return KeyTextTransform(name, Cast("session_data", JSONField()))


def as_list(name: str) -> Case:
    """The JSON list as an array; NULL where the key is missing."""
    entries = Func(
        KeyTransform(name, Cast("session_data", JSONField())),
        template="ARRAY(SELECT jsonb_array_elements_text(%(expressions)s))",
        output_field=TEXTS,
    )
    return Case(When(IsNull(key(name), False), then=entries), default=None, output_field=TEXTS)


def fact(name: str, label: str, kind: ValueKind, expression: Any, **more: Any) -> Fact:
    return Fact(
        name=f"traveller.{name}",
        model=more.pop("model", MODEL),
        label=label,
        kind=kind,
        privacy=Privacy.PERSONAL,
        expression=expression,
        **more,
    )


AGE = fact(
    "age", "the traveller's age", ValueKind.NUMBER, lambda: Cast(key("age"), IntegerField()), unit="years"
)
WEIGHT = fact("weight", "the luggage's weight", ValueKind.NUMBER, lambda: Cast(key("weight"), FloatField()))
NAME = fact("name", "the traveller's name", ValueKind.TEXT, lambda: key("name"))
PLAN = fact("plan", "the traveller's plan", ValueKind.CHOICE, lambda: key("plan"), choices=lambda: PLANS)
VIP = fact("vip", "the VIP mark", ValueKind.BOOLEAN, lambda: Cast(key("vip"), BooleanField()))
BORN = fact("born", "the date of birth", ValueKind.DATE, lambda: Cast(key("born"), DateField()))
SEEN = fact("seen", "the last visit", ValueKind.DATE, lambda: Cast(key("seen"), DateTimeField()))
TAGS = fact("tags", "the traveller's tags", ValueKind.LIST, lambda: as_list("tags"))
ACTIVE = fact(
    "active",
    "activity in the last %(last_days)s days",
    ValueKind.BOOLEAN,
    lambda last_days: Exists(
        Session.objects.filter(
            pk=OuterRef("pk"),
            expire_date__gte=OuterRef("at") - timedelta(days=last_days),
            expire_date__lte=OuterRef("at"),
        )
    ),
    parameters=(Parameter(name="last_days", label="days", default=90, minimum=1, maximum=365),),
)
ASKED_AT = fact("asked_at", "the moment of asking", ValueKind.DATE, lambda: F("at"))
FOREIGN = fact(
    "types", "the type's name", ValueKind.TEXT, lambda: F("model"), model="contenttypes.ContentType"
)
TRAVELLER_FACTS = (AGE, WEIGHT, NAME, PLAN, VIP, BORN, SEEN, TAGS, ACTIVE, ASKED_AT, FOREIGN)

EVENT_TO = EventFact(
    name="event.reached_in_test",
    label="the state that was reached",
    kind=ValueKind.CHOICE,
    read=lambda event: event["to"],
    choices=lambda: [("paid", "Paid"), ("shipped", "Shipped")],
)
EVENT_PAST = EventFact(
    name="event.total_in_test",
    label="the total",
    kind=ValueKind.NUMBER,
    read=lambda event, plus: event["total"] + plus,
    parameters=(Parameter(name="plus", label="plus", default=0),),
)


def store(*travellers: dict[str, Any], seen: datetime = AT - timedelta(days=5)) -> list[Session]:
    """One row per traveller, with the keys "0", "1", …; whatever was stored before is gone."""
    Session.objects.all().delete()
    return Session.objects.bulk_create(
        Session(session_key=str(place), session_data=json.dumps(traveller), expire_date=seen)
        for place, traveller in enumerate(travellers)
    )


def in_memory(traveller: dict[str, Any]) -> dict[str, Any]:
    """The traveller's values by fact name, as Python would hold them without any query."""
    read = {"born": date.fromisoformat, "seen": datetime.fromisoformat}
    return {
        f"traveller.{name}": read.get(name, lambda same: same)(value) for name, value in traveller.items()
    }
