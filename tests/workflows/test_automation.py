"""An automation's own life: edited, published, paused, resumed, archived; each is told, each is permitted."""

from __future__ import annotations

import pytest

from careops.access.actor import Actor
from tests.workflows.support import STOP, draft, names
from workflows.catalogue import IllegalTransition, NotPermitted
from workflows.engine.publish import publish
from workflows.models import Automation, Endpoint, EventRecord


def test_an_automations_life_is_told(db, ops):
    by = Actor.of(ops)
    automation = draft("patient.onboarded", STOP)
    automation.description = "Greets people"
    automation.save()
    publish(automation, by=by)
    live = Automation.objects.get()
    live.perform("pause", by=by).perform("resume", by=by).perform("pause", by=by).perform("archive", by=by)
    assert names() == [
        "automation.created",
        "automation.updated",
        "automation.published",
        "automation.paused",
        "automation.resumed",
        "automation.paused",
        "automation.archived",
    ]


def test_a_live_automation_is_paused_before_it_is_put_away(db, ops):
    automation = publish(draft("patient.onboarded", STOP), by=Actor.of(ops)).automation
    with pytest.raises(IllegalTransition):
        Automation.objects.get(pk=automation.pk).perform("archive", by=Actor.of(ops))


def test_publishing_needs_the_permission_and_changes_nothing_without(db, nia):
    automation = draft("patient.onboarded", STOP)
    with pytest.raises(NotPermitted, match=r"workflows\.publish_automation"):
        publish(automation, by=Actor.of(nia))
    assert Automation.objects.get().state == "draft"
    assert not automation.versions.exists()


def test_a_publisher_cannot_hand_out_what_they_may_not_do_themselves(db, ops):
    automation = draft(
        "lab_order.ordered",
        {"action": "perform_transition", "parameters": {"transition": "labs.LabOrder:complete_draw"}},
    )
    with pytest.raises(NotPermitted, match=r"labs\.draw_laborder"):
        publish(automation, by=Actor.of(ops))
    assert not automation.versions.exists()


def test_an_endpoints_edits_are_told_without_their_secrets(db):
    endpoint = Endpoint(name="Partner", url="https://partner.example/hook")
    endpoint.save()
    endpoint.name, endpoint.header_value = "New partner", "a-new-secret-value"
    endpoint.save()
    assert names() == ["endpoint.created", "endpoint.updated"]
    assert EventRecord.objects.get(name="endpoint.updated").data == {"changed": ["header_value", "name"]}
