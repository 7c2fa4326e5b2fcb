"""What automations may do about people: open a task, write an email, notify a colleague."""

from patients.actions import create_task, send_email, send_notification

__all__ = ["create_task", "send_email", "send_notification"]
