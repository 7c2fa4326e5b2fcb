"""What happens to people, their visits, the work about them and what is said to them.

Where CarePortals names an event, its spelling is ours, odd ones included (``appointment.create``). A
vocabulary that has no word of its own for a move hears the nearest one it has: Canvas calls a confirmed
appointment an updated one.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from workflows.catalogue import Event, Kind, events

_MOVED = ("from", "to")

# ── The clinic and its staff ──────────────────────────────────────────────────────────────────────────────
_CLINIC = {"subject": "patients.Clinic", "patient": None}
CLINIC_CREATED = Event(
    name="clinic.created", says=_("A clinic site was added."), kind=Kind.CREATED, **_CLINIC
)
CLINIC_UPDATED = Event(
    name="clinic.updated",
    says=_("A clinic's details were edited."),
    kind=Kind.UPDATED,
    carries=("changed",),
    **_CLINIC,
)

_PRACTITIONER = {"subject": "patients.Practitioner", "patient": None}
PRACTITIONER_CREATED = Event(
    name="practitioner.created", says=_("A practitioner was added."), kind=Kind.CREATED, **_PRACTITIONER
)
PRACTITIONER_UPDATED = Event(
    name="practitioner.updated", says=_("A practitioner's profile was edited."), kind=Kind.UPDATED,
    carries=("changed",), **_PRACTITIONER,
)  # fmt: skip

_CARE_TEAM = {"subject": "patients.CareTeam", "patient": None}
CARE_TEAM_CREATED = Event(
    name="care_team.created", says=_("A care team was formed."), kind=Kind.CREATED, **_CARE_TEAM
)
CARE_TEAM_UPDATED = Event(
    name="care_team.updated", says=_("A care team's details were edited."), kind=Kind.UPDATED,
    carries=("changed",), unless=_("Not sent when only its members changed."), **_CARE_TEAM,
)  # fmt: skip
_MEMBER = {"subject": "patients.CareTeamMember", "patient": None}
CARE_TEAM_MEMBER_ADDED = Event(
    name="care_team.member_added", says=_("A practitioner joined a care team."), kind=Kind.CREATED, **_MEMBER
)
CARE_TEAM_MEMBER_REMOVED = Event(
    name="care_team.member_removed", says=_("A practitioner left a care team."), kind=Kind.DELETED, **_MEMBER
)

# ── Patients ──────────────────────────────────────────────────────────────────────────────────────────────
_PATIENT = {"subject": "patients.Patient", "patient": "pk"}
PATIENT_CREATED = Event(
    name="customer.created", says=_("Staff registered a patient."), kind=Kind.CREATED, carries=("to",),
    aliases={"careportals": ("customer.created",), "canvas": ("PATIENT_CREATED",)}, **_PATIENT,
)  # fmt: skip
PATIENT_SIGNED_UP = Event(
    name="customer.signup", says=_("A patient signed up by themselves."), kind=Kind.CREATED, carries=("to",),
    unless=_("Not sent when the clinic knew them already: their account is linked to their record."),
    aliases={"careportals": ("customer.signup",), "canvas": ("PATIENT_CREATED",)}, **_PATIENT,
)  # fmt: skip
PATIENT_ACCOUNT_LINKED = Event(
    name="patient.account_linked", says=_("A patient got an account to sign in with."), kind=Kind.UPDATED,
    carries=("changed",), fields=("user",), when=lambda patient: patient.user_id is not None,
    unless=_("Not sent for the account a patient is registered with."),
    aliases={"canvas": ("PATIENT_UPDATED",)}, **_PATIENT,
)  # fmt: skip
PATIENT_UPDATED = Event(
    name="customer.updated", says=_("A patient's details were edited."), kind=Kind.UPDATED,
    unless=_("Not sent when only the email address or the telephone changed."),
    carries=("changed",), aliases={"careportals": ("customer.updated",), "canvas": ("PATIENT_UPDATED",)},
    **_PATIENT,
)  # fmt: skip
PATIENT_CONTACT_UPDATED = Event(
    name="patient.contact_updated", says=_("A patient can be reached in another way than before."),
    kind=Kind.UPDATED, carries=("changed",), fields=("email", "phone"),
    unless=_("Not sent for the email address and telephone a patient is registered with."),
    aliases={"canvas": ("PATIENT_UPDATED",), "careportals": ("customer.updated",)}, **_PATIENT,
)  # fmt: skip
PATIENT_ONBOARDED = Event(
    name="patient.onboarded", says=_("A registered patient was taken on by the clinic."),
    kind=Kind.TRANSITION, carries=_MOVED,
    aliases={"restartix": ("Patient onboarded",), "canvas": ("PATIENT_UPDATED",)}, **_PATIENT,
)  # fmt: skip
PATIENT_DEACTIVATED = Event(
    name="patient.deactivated", says=_("A patient no longer comes to the clinic."), kind=Kind.TRANSITION,
    carries=_MOVED, aliases={"canvas": ("PATIENT_UPDATED",)}, **_PATIENT,
)  # fmt: skip
PATIENT_REACTIVATED = Event(
    name="patient.reactivated", says=_("A patient came back to the clinic."), kind=Kind.TRANSITION,
    carries=_MOVED, aliases={"canvas": ("PATIENT_UPDATED",)}, **_PATIENT,
)  # fmt: skip
PATIENT_DECEASED = Event(
    name="patient.deceased", says=_("A patient's death was recorded."), kind=Kind.TRANSITION,
    carries=_MOVED, aliases={"canvas": ("PATIENT_UPDATED",)}, **_PATIENT,
)  # fmt: skip
PATIENT_MERGED = Event(
    name="patient.merged", says=_("A patient turned out to be registered twice; this record was closed."),
    kind=Kind.TRANSITION, carries=(*_MOVED, "into"), aliases={"canvas": ("PATIENT_UPDATED",)}, **_PATIENT,
)  # fmt: skip

# ── Appointments ──────────────────────────────────────────────────────────────────────────────────────────
_APPOINTMENT = {"subject": "patients.Appointment"}
APPOINTMENT_BOOKED = Event(
    name="appointment.create", says=_("An appointment was booked."), kind=Kind.CREATED, carries=("to",),
    aliases={
        "careportals": ("appointment.create",),
        "restartix": ("Appointment booked",),
        "canvas": ("APPOINTMENT_CREATED",),
    },
    **_APPOINTMENT,
)  # fmt: skip
APPOINTMENT_UPDATED = Event(
    name="appointment.updated", says=_("An appointment's details were edited."), kind=Kind.UPDATED,
    carries=("changed",), unless=_("Not sent when it moves to another time: that is a new appointment."),
    aliases={"careportals": ("appointment.updated",), "canvas": ("APPOINTMENT_UPDATED",)}, **_APPOINTMENT,
)  # fmt: skip
APPOINTMENT_CONFIRMED = Event(
    name="appointment.confirmed", says=_("An appointment was confirmed."), kind=Kind.TRANSITION,
    carries=_MOVED,
    aliases={
        "careportals": ("appointment.confirmed",),
        "restartix": ("Appointment confirmed",),
        "canvas": ("APPOINTMENT_UPDATED",),
    },
    **_APPOINTMENT,
)  # fmt: skip
APPOINTMENT_CHECKED_IN = Event(
    name="appointment.checked_in", says=_("The patient arrived."), kind=Kind.TRANSITION, carries=_MOVED,
    aliases={"canvas": ("APPOINTMENT_CHECKED_IN",)}, **_APPOINTMENT,
)  # fmt: skip
APPOINTMENT_COMPLETED = Event(
    name="appointment.completed", says=_("An appointment took place."), kind=Kind.TRANSITION, carries=_MOVED,
    aliases={
        "careportals": ("appointment.completed",),
        "restartix": ("Appointment completed",),
        "canvas": ("APPOINTMENT_UPDATED",),
    },
    **_APPOINTMENT,
)  # fmt: skip
APPOINTMENT_CANCELLED = Event(
    name="appointment.cancelled", says=_("An appointment was called off."), kind=Kind.TRANSITION,
    carries=_MOVED, unless=_("Not sent when it moves to another time."),
    aliases={"careportals": ("appointment.cancelled",), "canvas": ("APPOINTMENT_CANCELED",)}, **_APPOINTMENT,
)  # fmt: skip
APPOINTMENT_NO_SHOW = Event(
    name="appointment.no-show", says=_("The patient did not come."), kind=Kind.TRANSITION, carries=_MOVED,
    aliases={"careportals": ("appointment.no-show",), "canvas": ("APPOINTMENT_NO_SHOWED",)}, **_APPOINTMENT,
)  # fmt: skip
APPOINTMENT_RESTORED = Event(
    name="appointment.restored", says=_("A cancelled or missed appointment was brought back."),
    kind=Kind.TRANSITION, carries=_MOVED, aliases={"canvas": ("APPOINTMENT_RESTORED",)}, **_APPOINTMENT,
)  # fmt: skip
APPOINTMENT_RESCHEDULED = Event(
    name="appointment.rescheduled",
    says=_("An appointment moved to another time; a new one takes its place."), kind=Kind.TRANSITION,
    carries=(*_MOVED, "successor"), aliases={"canvas": ("APPOINTMENT_RESCHEDULED",)}, **_APPOINTMENT,
)  # fmt: skip

# ── Tasks ─────────────────────────────────────────────────────────────────────────────────────────────────
_TASK = {"subject": "patients.Task"}
TASK_CREATED = Event(
    name="task.created", says=_("A task was opened."), kind=Kind.CREATED, carries=("to",),
    aliases={"careportals": ("task.created",), "canvas": ("TASK_CREATED",)}, **_TASK,
)  # fmt: skip
TASK_UPDATED = Event(
    name="task.updated", says=_("A task's details were edited."), kind=Kind.UPDATED, carries=("changed",),
    unless=_("Not sent when only its assignee changed."), aliases={"canvas": ("TASK_UPDATED",)}, **_TASK,
)  # fmt: skip
TASK_ASSIGNED = Event(
    name="task.assigned", says=_("A task was given to somebody else, or to nobody."), kind=Kind.UPDATED,
    carries=("changed",), unless=_("Not sent for the assignee a task is created with."), fields=("assignee",),
    aliases={"canvas": ("TASK_UPDATED",)}, **_TASK,
)  # fmt: skip
TASK_STARTED = Event(
    name="task.started", says=_("Somebody began to work on a task."), kind=Kind.TRANSITION, carries=_MOVED,
    aliases={"canvas": ("TASK_UPDATED",)}, **_TASK,
)  # fmt: skip
TASK_COMPLETED = Event(
    name="task.completed", says=_("A task was finished."), kind=Kind.TRANSITION, carries=_MOVED,
    aliases={"careportals": ("task.completed",), "canvas": ("TASK_UPDATED",)}, **_TASK,
)  # fmt: skip
TASK_CANCELLED = Event(
    name="task.cancelled", says=_("A task was called off."), kind=Kind.TRANSITION, carries=_MOVED,
    aliases={"careportals": ("task.cancelled",), "canvas": ("TASK_UPDATED",)}, **_TASK,
)  # fmt: skip
TASK_REOPENED = Event(
    name="task.reopened", says=_("A task that was over is open again."), kind=Kind.TRANSITION, carries=_MOVED,
    aliases={"canvas": ("TASK_UPDATED",)}, **_TASK,
)  # fmt: skip
TASK_COMMENTED = Event(
    name="task.commented", says=_("Somebody commented on a task."), kind=Kind.CREATED,
    subject="patients.TaskComment", patient="task.patient_id", aliases={"canvas": ("TASK_COMMENT_CREATED",)},
)  # fmt: skip

# ── Messages and notifications ────────────────────────────────────────────────────────────────────────────
_MESSAGE = {"subject": "patients.Message"}
MESSAGE_CREATED = Event(
    name="message.created", says=_("A message was written, in either direction."), kind=Kind.CREATED,
    carries=("to",), aliases={"canvas": ("MESSAGE_CREATED",)}, **_MESSAGE,
)  # fmt: skip
MESSAGE_INBOUND = Event(
    name="message.inbound", says=_("A message from a patient arrived."), kind=Kind.TRANSITION, carries=_MOVED,
    aliases={"careportals": ("message.inbound",)}, **_MESSAGE,
)  # fmt: skip
MESSAGE_QUEUED = Event(
    name="message.queued",
    says=_("A message is on its way out."),
    kind=Kind.TRANSITION,
    carries=_MOVED,
    **_MESSAGE,
)
MESSAGE_SENT = Event(
    name="message.sent",
    says=_("The mail server accepted a message."),
    kind=Kind.TRANSITION,
    carries=_MOVED,
    **_MESSAGE,
)
MESSAGE_DELIVERED = Event(
    name="message.delivered", says=_("A receipt says that a message reached its recipient."),
    kind=Kind.TRANSITION, carries=_MOVED, **_MESSAGE,
)  # fmt: skip
MESSAGE_FAILED = Event(
    name="message.failed", says=_("A message could not be sent."), kind=Kind.TRANSITION, carries=_MOVED,
    unless=_("Not sent while further attempts follow."), **_MESSAGE,
)  # fmt: skip
MESSAGE_SUPPRESSED = Event(
    name="message.suppressed", says=_("A message was not sent, for a recorded reason."), kind=Kind.TRANSITION,
    carries=(*_MOVED, "reason"), **_MESSAGE,
)  # fmt: skip
MESSAGE_OUTCOME_UNKNOWN = Event(
    name="message.outcome_unknown", says=_("A message may or may not have gone out; a person has to look."),
    kind=Kind.TRANSITION, carries=_MOVED, **_MESSAGE,
)  # fmt: skip

_NOTIFICATION = {"subject": "patients.Notification"}
NOTIFICATION_CREATED = Event(
    name="notification.created", says=_("Somebody was notified inside CareOps."), kind=Kind.CREATED,
    carries=("to",), **_NOTIFICATION,
)  # fmt: skip
NOTIFICATION_READ = Event(
    name="notification.read", says=_("Somebody read a notification."), kind=Kind.TRANSITION, carries=_MOVED,
    **_NOTIFICATION,
)  # fmt: skip

events.declare(
    (
        CLINIC_CREATED, CLINIC_UPDATED, PRACTITIONER_CREATED, PRACTITIONER_UPDATED, CARE_TEAM_CREATED,
        CARE_TEAM_UPDATED, CARE_TEAM_MEMBER_ADDED, CARE_TEAM_MEMBER_REMOVED, PATIENT_CREATED,
        PATIENT_SIGNED_UP, PATIENT_ACCOUNT_LINKED, PATIENT_UPDATED, PATIENT_CONTACT_UPDATED,
        PATIENT_ONBOARDED, PATIENT_DEACTIVATED, PATIENT_REACTIVATED, PATIENT_DECEASED,
        PATIENT_MERGED, APPOINTMENT_BOOKED, APPOINTMENT_UPDATED, APPOINTMENT_CONFIRMED,
        APPOINTMENT_CHECKED_IN, APPOINTMENT_COMPLETED, APPOINTMENT_CANCELLED, APPOINTMENT_NO_SHOW,
        APPOINTMENT_RESTORED, APPOINTMENT_RESCHEDULED, TASK_CREATED, TASK_UPDATED, TASK_ASSIGNED,
        TASK_STARTED, TASK_COMPLETED, TASK_CANCELLED, TASK_REOPENED, TASK_COMMENTED, MESSAGE_CREATED,
        MESSAGE_INBOUND, MESSAGE_QUEUED, MESSAGE_SENT, MESSAGE_DELIVERED, MESSAGE_FAILED,
        MESSAGE_SUPPRESSED, MESSAGE_OUTCOME_UNKNOWN, NOTIFICATION_CREATED, NOTIFICATION_READ,
    )
)  # fmt: skip
