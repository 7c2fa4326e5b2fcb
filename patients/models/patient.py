"""Patients: who they are, how they are reached, and how far they have come with the clinic."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.conf.global_settings import LANGUAGES
from django.contrib.postgres.indexes import OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from careops.access.actor import ActorKind
from careops.access.models import validate_timezone
from careops.lib import clock
from patients import events
from patients.models.care_team import CareTeam
from patients.models.clinic import Clinic
from patients.models.practitioner import Practitioner
from patients.services.merging import move_records
from workflows.catalogue import Machine, Privacy, cause, draft, transition

#: Crockford's letters and digits: none that is mistaken for another on the phone.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_mrn() -> str:
    """A fresh medical record number such as 7KQ2-M9TD. It does not even tell how many patients there are."""
    letters = "".join(secrets.choice(ALPHABET) for place in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def begins(column: str) -> OpClass:
    """What ``column__istartswith`` looks at. Without that class of operators only the C collation serves LIKE."""
    return OpClass(Upper(column), name="text_pattern_ops")


def language_choices() -> Sequence[tuple[str, Any]]:
    """Every language Django has a name for: patients speak more of them than CareOps is translated into."""
    return LANGUAGES


class DeathForm(forms.Form):
    deceased_on = forms.DateField(label=_("died on"), widget=forms.DateInput(attrs={"type": "date"}))


class MergeForm(forms.Form):
    into = forms.ModelChoiceField(
        label=_("the record to keep"), queryset=None, to_field_name="mrn", widget=forms.TextInput,
        help_text=_("Its record number. Everything about this patient moves there."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["into"].queryset = Patient.objects.exclude(state=Patient.State.MERGED)


class Patient(Machine):
    """Somebody the clinic cares for. The state is how far they have come with it."""

    created_event = events.PATIENT_CREATED
    updated_event = events.PATIENT_UPDATED

    class State(models.TextChoices):
        REGISTERED = "registered", _("registered")
        ONBOARDED = "onboarded", _("onboarded")
        INACTIVE = "inactive", _("inactive")
        DECEASED = "deceased", _("deceased")
        MERGED = "merged", _("merged")

    class Sex(models.TextChoices):
        FEMALE = "female", _("female")
        MALE = "male", _("male")
        OTHER = "other", _("other")
        UNKNOWN = "unknown", _("unknown")

    mrn = models.CharField(_("record number"), max_length=32, unique=True, default=new_mrn)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="patient",
        limit_choices_to={"is_staff": False}, verbose_name=_("signs in as"),
    )  # fmt: skip
    first_name = models.CharField(_("first name"), max_length=100)
    last_name = models.CharField(_("last name"), max_length=100)
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    sex = models.CharField(_("sex"), max_length=8, choices=Sex.choices, default=Sex.UNKNOWN)
    language = models.CharField(_("language"), max_length=12, choices=language_choices, default="en")
    timezone = models.CharField(
        _("time zone"), max_length=64, blank=True, validators=[validate_timezone],
        help_text=_("Left blank: the clinic's."),
    )  # fmt: skip
    email = models.EmailField(_("email address"), blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    street = models.CharField(_("street"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    region = models.CharField(_("state or region"), max_length=100, blank=True)
    zip = models.CharField(_("postal code"), max_length=16, blank=True)
    country = models.CharField(
        _("country"), max_length=2, default="US", help_text=_("Two letters: US, DE, RO.")
    )
    clinic = models.ForeignKey(Clinic, models.PROTECT, related_name="patients", verbose_name=_("clinic"))
    practitioner = models.ForeignKey(
        Practitioner, models.PROTECT, null=True, blank=True, related_name="patients",
        verbose_name=_("practitioner"), help_text=_("Who is chiefly responsible."),
    )  # fmt: skip
    care_team = models.ForeignKey(
        CareTeam, models.PROTECT, null=True, blank=True, related_name="patients", verbose_name=_("care team")
    )
    state = FSMField(
        _("state"), max_length=12, choices=State.choices, default=State.REGISTERED, editable=False
    )
    deceased_on = models.DateField(_("died on"), null=True, blank=True, editable=False)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, editable=False, related_name="duplicates",
        verbose_name=_("merged into"),
    )  # fmt: skip

    privacy: ClassVar[dict[str, Privacy]] = dict.fromkeys(
        (
            "first_name", "last_name", "birth_date", "sex", "language", "timezone", "email", "phone", "street",
            "city", "region", "zip", "country",
        ),
        Privacy.PERSONAL,
    ) | {"mrn": Privacy.PERSONAL, "deceased_on": Privacy.PHI}  # fmt: skip

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        ordering = ["last_name", "first_name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["registered", "onboarded", "inactive", "deceased", "merged"]),
                name="patient_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="merged", merged_into__isnull=False)
                | Q(~Q(state="merged"), merged_into=None),
                name="patient_merged_has_survivor",
            ),
        ]
        indexes = [
            # The list's order.
            models.Index(fields=["last_name", "first_name", "id"], name="patient_by_name"),
            # The search box: each word begins one of these.
            models.Index(begins("last_name"), name="patient_last_name_begins"),
            models.Index(begins("first_name"), name="patient_first_name_begins"),
            models.Index(begins("email"), name="patient_email_begins"),
            models.Index(begins("mrn"), name="patient_mrn_begins"),
            # "who is born on …?" at the desk. "Who is 65?" of everybody, without a look at the table (patients/age.py).
            models.Index(
                fields=["birth_date"], include=["id", "clinic", "timezone"], name="patient_by_birth_date"
            ),
            # The list's filter.
            models.Index(fields=["state", "last_name"], name="patient_by_state"),
            # The API: "what changed since?".
            models.Index(fields=["updated_at", "id"], name="patient_changed"),
        ]

    def __str__(self) -> str:
        return gettext("Patient %(mrn)s") % {"mrn": self.mrn}

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @classmethod
    def id_of(cls, user: Any) -> UUID | None:
        """The id of the record that stands for whoever signs in as that user; None where nobody does."""
        found = cls.objects.filter(user=user).select_related("merged_into").first()
        return found.kept.pk if found else None

    @property
    def kept(self) -> Patient:
        """The record that stands for this person today: this one, or the one it was merged into."""
        return self.merged_into.kept if self.merged_into else self

    @property
    def timezone_name(self) -> str:
        """By which clock this patient lives."""
        return self.timezone or self.clinic.timezone

    def clean(self) -> None:
        if self.birth_date and self.birth_date > clock.now().date():
            raise ValidationError({"birth_date": _("Nobody is born in the future.")})
        self._refuse_edit_of_merged()

    def _refuse_edit_of_merged(self) -> None:
        if self.state == self.State.MERGED and not self._stashed:
            raise ValidationError(_("This record was merged; edit the one that was kept."))

    def _fields_to_write(self, changed: frozenset[str]) -> frozenset[str]:
        if changed:
            self._refuse_edit_of_merged()
        return super()._fields_to_write(changed)

    def _created_drafts(self) -> list[Any]:
        if cause().actor.kind is ActorKind.PATIENT:
            return [draft(events.PATIENT_SIGNED_UP, self, data=self.created_data())]
        return super()._created_drafts()

    # ── Transitions ──────────────────────────────────────────────────────────────────────────────────────
    @transition(state, source=State.REGISTERED, target=State.ONBOARDED, needs="patients.onboard_patient",
                event=events.PATIENT_ONBOARDED, label=_("Onboard"))  # fmt: skip
    def onboard(self) -> None:
        """The clinic takes the patient on."""

    @transition(state, source=State.ONBOARDED, target=State.INACTIVE, needs="patients.deactivate_patient",
                event=events.PATIENT_DEACTIVATED, label=_("Deactivate"))  # fmt: skip
    def deactivate(self) -> None:
        """They moved away or stopped coming: nothing is sent to them any more."""

    @transition(state, source=State.INACTIVE, target=State.ONBOARDED, needs="patients.deactivate_patient",
                event=events.PATIENT_REACTIVATED, label=_("Reactivate"))  # fmt: skip
    def reactivate(self) -> None:
        """They are back."""

    @transition(state, source=[State.REGISTERED, State.ONBOARDED, State.INACTIVE], target=State.DECEASED,
                needs="patients.record_death_patient", event=events.PATIENT_DECEASED, label=_("Record death"),
                arguments=DeathForm)  # fmt: skip
    def record_death(self, deceased_on: date) -> None:
        """Nothing is sent to them any more; visits and tasks stay until people have looked at them."""
        self.deceased_on = deceased_on

    @transition(
        state, source=[State.REGISTERED, State.ONBOARDED, State.INACTIVE], target=State.MERGED,
        needs="patients.merge_patient", event=events.PATIENT_MERGED, label=_("Merge into another record"),
        arguments=MergeForm,
    )  # fmt: skip
    def merge(self, into: Patient) -> None:
        """Close this record in favour of that one. Raises ValidationError for one that cannot be kept."""
        survivor = Patient.objects.select_for_update(of=("self",)).get(pk=into.pk)
        if survivor.pk == self.pk or survivor.state == self.State.MERGED:
            raise ValidationError(_("A record can only be merged into another one that is still kept."))
        move_records(self, survivor)
        self.merged_into = survivor
        self.tell(into=str(survivor.pk))
