"""The forms at the door: an address first, codes that only so many may guess, and second factors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.fields import PasswordField
from allauth.account.forms import ConfirmEmailVerificationCodeForm, ConfirmLoginCodeForm, LoginForm
from allauth.account.stages import LoginByCodeStage, LoginStageController
from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

NUMBER_PAD = {"inputmode": "numeric"}


class SignInForm(LoginForm):
    """Asks for an address and mails a code to it; asks for a password when somebody chooses that way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        typed = "password" in self.data
        self.by_password = typed or self.data.get("way") == "password"
        self.only_chosen = self.by_password and not typed
        if self.by_password:
            self.fields["password"] = PasswordField(
                label=_("Password"), autocomplete="current-password", show_reset_help=True, required=typed
            )

    def is_valid(self) -> bool:
        """Whoever just chose their password has not typed it yet: they are asked for it, and blamed for nothing."""
        return super().is_valid() and not self.only_chosen

    def clean(self) -> dict[str, Any]:
        return self.cleaned_data if self.only_chosen else super().clean()


class CountedTries:
    """Five tries in five minutes, however many codes were asked for meanwhile, known address or not."""

    def clean_code(self) -> str:
        usage = ratelimit.consume(
            context.request, app="allauth.account", action="code_failed", key=self.address()
        )
        if usage is None:
            raise get_adapter().validation_error("too_many_login_attempts")
        code = super().clean_code()
        usage.rollback()
        return str(code)

    #: The email address that the code was sent to; each form knows where to look for its own.
    address: Callable[[], str]


class SignInCodeForm(CountedTries, ConfirmLoginCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= NUMBER_PAD

    def address(self) -> str:
        stage = LoginStageController.enter(context.request, LoginByCodeStage.key)
        return str(stage.state["email"])


class AddressCodeForm(CountedTries, ConfirmEmailVerificationCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= NUMBER_PAD

    def address(self) -> str:
        return str(self.email)


class OwnFactors:
    """Knows which factors this person has: the page offers no other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= NUMBER_PAD
        self.kinds = set(Authenticator.objects.filter(user=self.user).values_list("type", flat=True))


class SecondFactorForm(OwnFactors, AuthenticateForm):
    """At sign-in."""


class SecondFactorAgainForm(OwnFactors, ReauthenticateForm):
    """At a step-up."""


@contextmanager
def one_refusal() -> Iterator[None]:
    """One answer to an unknown passkey, a wrong signature and plain nonsense, at which the library would stumble."""
    refusal = ValidationError(_("This passkey does not work here."), code="incorrect_code")
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise refusal from error
    except ValidationError as error:
        if error.code != refusal.code:  # too many tries, say
            raise
        raise refusal from error


class Unshaken:
    """Refuses whatever is no valid answer, and says so in words about passkeys."""

    def clean_credential(self) -> Authenticator:
        with one_refusal():
            return super().clean_credential()


class PasskeySignInForm(Unshaken, LoginWebAuthnForm):
    """With a passkey and nothing else."""


class PasskeyForm(Unshaken, AuthenticateWebAuthnForm):
    """A passkey as the second factor."""


class PasskeyAgainForm(Unshaken, ReauthenticateWebAuthnForm):
    """A passkey at a step-up."""


class AddPasskeyForm(AddWebAuthnForm):
    """A key that can be used alone, unless it is an old one that cannot ask for a PIN."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("So that you can tell it from others: “my phone”, “work laptop”.")
        alone = self.fields["passwordless"]
        alone.initial = True
        alone.label = _("Sign in with it alone")
        alone.help_text = _(
            "Your device asks for your fingerprint, your face or its PIN each time. Untick it for a security key "
            "without a PIN: that one is a second factor only."
        )
        self.fields["credential"].error_messages["required"] = _(
            "Press the button: your device then makes the passkey."
        )

    def clean(self) -> dict[str, Any]:
        with one_refusal():
            return super().clean()
