"""The action "notify": a line inside CareOps for colleagues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from patients import events
from patients.actions.fields import LineField, TemplateField, told_by
from patients.actions.recipients import Addressee, RecipientForm, addressees, say_to
from patients.models import Notification
from patients.variables import Scene
from workflows.catalogue import Action, Done, Outcome, Step, StepFailed, actions


class NotificationForm(RecipientForm):
    offers = ("practitioner", "role", "user")

    title = LineField(label=_("Title"), max_length=200)
    body = TemplateField(label=_("Text"), widget=forms.Textarea, required=False)


def send_notification(step: Step, given: Mapping[str, Any]) -> Outcome:
    """One notification for each addressee who can sign in. Raises StepFailed when none of them can."""
    scene = Scene(step)
    text = {"title": scene.fill(given["title"], line=True)[:200], "body": scene.fill(given["body"])}
    told = [_notify(scene, to, text) for to in addressees(scene, given) if to.user]
    if not told:
        raise StepFailed("no_account", _t("They do not sign in to CareOps and cannot be notified."))
    return Done({"type": Notification._meta.label, "id": told[0], "ids": told})


def _notify(scene: Scene, to: Addressee, text: Mapping[str, str]) -> str:
    origin = f"{scene.step.key}:{to.key}"
    if (known := Notification.objects.filter(origin=origin).first()) is not None:
        return str(known.pk)
    event = scene.step.event
    notification = Notification(
        user=to.user,
        patient=scene.patient,
        about_type=event.subject_type,
        about_id=event.subject_id,
        origin=origin,
        **text,
    )
    notification.save()
    return str(notification.pk)


def say(given: Mapping[str, Any]) -> str:
    return _t("notify %(to)s: “%(title)s”") % {"to": say_to(given), "title": given["title"]}


actions.add(
    Action(
        name="send_notification",
        label=_("Notify a colleague"),
        form=NotificationForm,
        run=send_notification,
        says=say,
        needs=lambda given, subject: (
            frozenset({"patients.add_notification"}) | told_by(NotificationForm, given)
        ),
        causes=(events.NOTIFICATION_CREATED,),
        icon="notifications",
    )
)
