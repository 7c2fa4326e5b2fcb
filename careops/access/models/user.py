"""Who may enter."""

from __future__ import annotations

import uuid
import zoneinfo
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from careops.lib.clock import Now


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user who signs in with that address. Raises ValueError without one."""
        if not email:
            raise ValueError("A user needs an email address.")
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})


def validate_timezone(name: str) -> None:
    """Raises ValidationError for a name the time zone database does not hold."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            _("“%(name)s” is no time zone, such as “America/New_York”."), params={"name": name}
        )


def languages() -> list[tuple[str, Any]]:
    """A callable, so that a new language needs no migration."""
    return list(settings.LANGUAGES)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in: with an email address, staff and patients alike."""

    email = models.EmailField(_("email address"), unique=True)
    first_name = models.CharField(_("first name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    is_staff = models.BooleanField(_("works here"), default=False, help_text=_("May enter the staff area."))
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Switch off instead of deleting: the audit trail names people."),
    )
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_timezone])
    language = models.CharField(_("language"), max_length=12, default="en", choices=languages)
    date_joined = models.DateTimeField(_("joined"), db_default=Now(), editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["email"]
        # One spelling per address: allauth looks for it in lower case.
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_lower")]

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def __str__(self) -> str:
        return self.get_full_name() if self.is_staff else f"User {self.pk}"

    @cached_property
    def patient_id(self) -> uuid.UUID | None:
        """The id of the patient who signs in as this user, or None."""
        person: Any = apps.get_model(settings.PERSON_MODEL)
        return person.id_of(self)

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.email

    def get_short_name(self) -> str:
        return self.first_name or self.email
