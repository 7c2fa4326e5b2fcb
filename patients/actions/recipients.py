"""Whom an action addresses: one table of kinds, shared by everything that tells somebody something."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from careops.access.models import User
from careops.access.roles import role_labels
from patients.actions.fields import colleague_choices, optional_role_choices
from patients.models import Message, Patient
from patients.variables import Scene
from workflows.catalogue import StepFailed


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody to be told. ``key`` tells one addressee of a step from the others, in every attempt alike."""

    key: str
    recipient: str
    address: str
    user: User | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to name addressees. ``asks`` is the form field it needs to have filled in."""

    label: Any
    find: Callable[[Scene, Mapping[str, Any]], list[Addressee]]
    asks: str = ""


def the_patient(scene: Scene, given: Mapping[str, Any]) -> list[Addressee]:
    patient: Patient = scene.step.person().kept
    return [Addressee("patient", Message.Recipient.PATIENT, patient.email)]


def the_practitioner(scene: Scene, given: Mapping[str, Any]) -> list[Addressee]:
    practitioner = scene.practitioner
    if practitioner is None:
        raise StepFailed("no_practitioner", _t("Nobody is responsible for this patient yet."))
    address, user = practitioner.address, practitioner.user
    return [Addressee(f"practitioner:{practitioner.pk}", Message.Recipient.STAFF, address, user)]


def everybody_in(scene: Scene, given: Mapping[str, Any]) -> list[Addressee]:
    users = User.objects.filter(groups__name=given["role"], is_staff=True, is_active=True).order_by("pk")
    if not users:
        raise StepFailed("nobody_in_role", _t("Nobody holds this role."))
    return [_colleague(user) for user in users]


def one_colleague(scene: Scene, given: Mapping[str, Any]) -> list[Addressee]:
    return [_colleague(User.objects.get(pk=given["user"]))]


def _colleague(user: User) -> Addressee:
    return Addressee(f"user:{user.pk}", Message.Recipient.STAFF, user.email, user)


KINDS: Mapping[str, Kind] = {
    "patient": Kind(_("the patient"), the_patient),
    "practitioner": Kind(_("the practitioner"), the_practitioner),
    "role": Kind(_("everybody in a role"), everybody_in, asks="role"),
    "user": Kind(_("one colleague"), one_colleague, asks="user"),
}


class RecipientForm(forms.Form):
    """The part of an action's form that says whom it addresses. ``KINDS`` offered are named in ``offers``."""

    offers: Iterable[str] = tuple(KINDS)

    to = forms.ChoiceField(label=_("To"))
    role = forms.ChoiceField(label=_("Role"), choices=optional_role_choices, required=False)
    user = forms.ChoiceField(label=_("Colleague"), choices=colleague_choices, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [(name, KINDS[name].label) for name in self.offers]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        asked = KINDS[cleaned["to"]].asks if "to" in cleaned else ""
        if asked and not cleaned.get(asked):
            self.add_error(asked, _("Say which."))
        return cleaned


def addressees(scene: Scene, given: Mapping[str, Any]) -> list[Addressee]:
    """Everybody the step addresses. Raises StepFailed when there is nobody."""
    return KINDS[given["to"]].find(scene, given)


def say_to(given: Mapping[str, Any]) -> str:
    """The addressees in a sentence."""
    if given["to"] == "role":
        return _t("everybody in the role “%(role)s”") % {"role": role_labels()[given["role"]]}
    return str(KINDS[given["to"]].label)
