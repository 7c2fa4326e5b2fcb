"""The email channel: at most once. What cannot be known about an attempt is said, and left to a person.

The message's id is stable for all attempts, so that a mail server that keeps ids recognises a second one.
"""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils.translation import gettext as _

from careops.access.actor import Actor
from patients.models import Message
from workflows.catalogue import Fate, Sent, channels

#: After 1, 5 and 30 minutes, 2 and 6 hours: a mail that is later than that is no longer wanted.
DELAYS = (60, 300, 1_800, 7_200, 21_600)
#: What each fate does to the message; a LATER with no further attempt is a failure.
MOVES = {Fate.SENT: "mark_sent", Fate.REFUSED: "fail", Fate.UNKNOWN: "lose_track", Fate.LATER: "postpone"}


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that is needed to send, so that no database is touched meanwhile."""

    sender: str
    to: str
    subject: str
    body: str
    message_id: str


class EmailChannel:
    """Satisfies ``workflows.catalogue.Channel``."""

    name = "email"
    at_most_once = True
    delays = DELAYS

    def prepare(self, delivery: Any) -> Letter | None:
        """The letter, or None for a message that is over, or must not be sent any more."""
        message = (
            Message.objects.select_related("patient__clinic", "user").filter(pk=delivery.subject_id).first()
        )
        if message is None or message.state not in message.move("start_sending").sources:
            return None
        if obstacle := message.what_hinders():
            if message.state == Message.State.QUEUED:
                message.perform("suppress", by=Actor.system(), obstacle=obstacle)
            return None
        message.perform("start_sending", by=Actor.system())
        sender = message.patient.clinic.sender if message.patient else settings.DEFAULT_FROM_EMAIL
        domain = parseaddr(sender)[1].rpartition("@")[2]
        return Letter(sender, message.to_address, message.subject, message.body, f"<{delivery.uid}@{domain}>")

    def send(self, prepared: Letter) -> Sent:
        """Until the connection stands nothing has left the house; after that, only the server's answer tells."""
        connection = get_connection()
        try:
            connection.open()
        except (smtplib.SMTPException, OSError):
            return Sent(Fate.LATER, _("The mail server cannot be reached."))
        mail = EmailMessage(
            prepared.subject,
            prepared.body,
            prepared.sender,
            [prepared.to],
            connection=connection,
            headers={"Message-ID": prepared.message_id},
        )
        try:
            mail.send()
        except (smtplib.SMTPException, OSError) as error:
            return judge(error)
        finally:
            _close(connection)
        return Sent(Fate.SENT)

    def settle(self, delivery: Any, sent: Sent, *, final: bool) -> None:
        move = "fail" if final and sent.fate is Fate.LATER else MOVES[sent.fate]
        message = Message.objects.filter(pk=delivery.subject_id).first()
        if message is None or message.state not in message.move(move).sources:
            return  # the delivery tells what became of this attempt; the message's own story was over before
        message.perform(move, by=Actor.system(), detail=sent.detail)


def judge(error: smtplib.SMTPException | OSError) -> Sent:
    """What an error of a conversation that had begun says about the letter: 4xx later, 5xx never, silence unknown."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Sent(Fate.REFUSED, _("The mail server cannot carry this address."))
    code = _code(error)
    if not 400 <= code < 600:
        return Sent(Fate.UNKNOWN, _("The connection to the mail server broke while it had the message."))
    detail = _("The mail server answered %(code)s.") % {"code": code}
    return Sent(Fate.LATER if code < 500 else Fate.REFUSED, detail, status=code)


def _code(error: smtplib.SMTPException | OSError) -> int:
    """The server's answer; 0 where there was none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max(code for code, _text in error.recipients.values())
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0


def _close(connection: Any) -> None:
    """A goodbye that fails takes nothing back of what the server accepted."""
    try:
        connection.close()
    except (smtplib.SMTPException, OSError):
        return


channels.add(EmailChannel())
