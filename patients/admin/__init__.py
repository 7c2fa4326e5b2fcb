"""The staff area's pages about people, their visits and the work about them."""

from patients.admin.appointment import AppointmentAdmin
from patients.admin.care_team import CareTeamAdmin
from patients.admin.clinic import ClinicAdmin
from patients.admin.message import MessageAdmin
from patients.admin.notification import NotificationAdmin
from patients.admin.patient import PatientAdmin
from patients.admin.practitioner import PractitionerAdmin
from patients.admin.task import TaskAdmin

__all__ = [
    "AppointmentAdmin",
    "CareTeamAdmin",
    "ClinicAdmin",
    "MessageAdmin",
    "NotificationAdmin",
    "PatientAdmin",
    "PractitionerAdmin",
    "TaskAdmin",
]
