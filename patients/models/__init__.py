"""People, visits, the work about them and what is said. Imports run downwards in this list."""

from patients.models.clinic import Clinic
from patients.models.practitioner import Practitioner

from patients.models.care_team import CareTeam, CareTeamMember  # isort: skip
from patients.models.patient import Patient

from patients.models.appointment import Appointment  # isort: skip
from patients.models.task import Task, TaskComment

from patients.models.message import Message  # isort: skip
from patients.models.notification import Notification

__all__ = [
    "Appointment",
    "CareTeam",
    "CareTeamMember",
    "Clinic",
    "Message",
    "Notification",
    "Patient",
    "Practitioner",
    "Task",
    "TaskComment",
]
