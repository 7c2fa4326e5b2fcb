"""The action "send an email": writes a Message and hands it to the email channel, which sends it at most once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from patients import events
from patients.actions.fields import LineField, TemplateField, told_by
from patients.actions.recipients import Addressee, RecipientForm, addressees, say_to
from patients.models import Message
from patients.variables import Scene
from workflows.catalogue import Action, Done, Outcome, Step, actions


class EmailForm(RecipientForm):
    subject = LineField(label=_("Subject"), max_length=200)
    body = TemplateField(label=_("Text"), widget=forms.Textarea)
    purpose = forms.ChoiceField(
        label=_("Purpose"), choices=Message.Purpose.choices, initial=Message.Purpose.CARE, required=False
    )

    def clean_purpose(self) -> str:
        return self.cleaned_data["purpose"] or Message.Purpose.CARE


def send_email(step: Step, given: Mapping[str, Any]) -> Outcome:
    """One message to each addressee. One that must not be sent is kept too, with the reason."""
    scene = Scene(step)
    text = {"subject": scene.fill(given["subject"], line=True)[:200], "body": scene.fill(given["body"])}
    about = {**text, "patient": scene.patient, "purpose": given["purpose"]}
    sent = [_write(step, addressee, about) for addressee in addressees(scene, given)]
    return Done({"type": Message._meta.label, "id": sent[0], "ids": sent})


def _write(step: Step, to: Addressee, about: Mapping[str, Any]) -> str:
    """The id of this step's message to that addressee, which an earlier attempt may have written."""
    origin = f"{step.key}:{to.key}"
    if (known := Message.objects.filter(origin=origin).first()) is not None:
        return str(known.pk)
    message = Message(
        recipient=to.recipient,
        user=to.user,
        to_address=to.address,
        origin=origin,
        **about,
    )
    message.save()
    if obstacle := message.what_hinders():
        message.perform("suppress", by=step.actor, obstacle=obstacle)
    else:
        message.perform("queue", by=step.actor)
    return str(message.pk)


def say(given: Mapping[str, Any]) -> str:
    return _t("send %(to)s the email “%(subject)s”") % {"to": say_to(given), "subject": given["subject"]}


actions.add(
    Action(
        name="send_email",
        label=_("Send an email"),
        form=EmailForm,
        run=send_email,
        says=say,
        needs=lambda given, subject: (
            frozenset({"patients.add_message", "patients.send_message"}) | told_by(EmailForm, given)
        ),
        causes=(
            events.MESSAGE_CREATED,
            events.MESSAGE_QUEUED,
            events.MESSAGE_SUPPRESSED,
            events.MESSAGE_SENT,
            events.MESSAGE_FAILED,
            events.MESSAGE_OUTCOME_UNKNOWN,
        ),
        icon="mail",
    )
)
