"""Tasks: work for people. Automations open them, colleagues hand them on, somebody finishes each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models
from django.db import transaction as db_transaction
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField

from careops.access.roles import role_choices
from careops.lib import clock
from patients import events
from patients.models.about import About
from patients.models.care_team import CareTeam
from patients.models.patient import Patient
from workflows.catalogue import Cause, Machine, Privacy, Record, transition

ACTIVE = Q(state__in=["open", "in_progress"])


def validate_checklist(items: Any) -> None:
    """Raises ValidationError unless items is a list of {"text": …, "done": …}."""
    if not isinstance(items, list) or not all(
        isinstance(item, dict)
        and set(item) == {"text", "done"}
        and isinstance(item["text"], str)
        and isinstance(item["done"], bool)
        for item in items
    ):
        raise ValidationError(_("Write the list as [{“text”: “Call back”, “done”: false}]."))


class CancelForm(forms.Form):
    reason = forms.CharField(label=_("reason"), max_length=200, required=False)


class Task(About, Machine):
    """One piece of work, for a person, a role or a care team.

    ``origin`` is the step that asked for it: asked twice, it is opened once. ``dedupe_key`` is the reason:
    while a task with that key is not over, nobody opens a second one.
    """

    created_event = events.TASK_CREATED
    updated_event = events.TASK_UPDATED

    class State(models.TextChoices):
        OPEN = "open", _("open")
        IN_PROGRESS = "in_progress", _("in progress")
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")

    class Priority(models.TextChoices):
        LOW = "low", _("low")
        NORMAL = "normal", _("normal")
        HIGH = "high", _("high")
        URGENT = "urgent", _("urgent")

    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    priority = models.CharField(
        _("priority"), max_length=8, choices=Priority.choices, default=Priority.NORMAL
    )
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="tasks",
        limit_choices_to={"is_staff": True}, verbose_name=_("assignee"),
    )  # fmt: skip
    role = models.CharField(_("role"), max_length=40, blank=True, choices=role_choices)
    care_team = models.ForeignKey(
        CareTeam, models.PROTECT, null=True, blank=True, related_name="tasks", verbose_name=_("care team")
    )
    patient = models.ForeignKey(
        Patient,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="tasks",
        db_index=False,
        verbose_name=_("patient"),
    )
    checklist = models.JSONField(_("checklist"), default=list, blank=True, validators=[validate_checklist])
    state = FSMField(_("state"), max_length=12, choices=State.choices, default=State.OPEN, editable=False)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True, editable=False)
    cancel_reason = models.CharField(_("reason for cancelling"), max_length=200, blank=True, editable=False)
    origin = models.CharField(_("asked for by"), max_length=200, blank=True, editable=False)
    dedupe_key = models.CharField(_("reason key"), max_length=200, blank=True, editable=False)

    privacy: ClassVar[dict[str, Privacy]] = {
        **About.ABOUT_PRIVACY,
        "title": Privacy.PHI,
        "description": Privacy.PHI,
        "priority": Privacy.PUBLIC,
        "due_at": Privacy.PUBLIC,
        "role": Privacy.PUBLIC,
        "checklist": Privacy.PHI,
        "completed_at": Privacy.PUBLIC,
        "cancel_reason": Privacy.PHI,
        "origin": Privacy.PUBLIC,
        "dedupe_key": Privacy.PUBLIC,
    }

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "in_progress", "completed", "cancelled"]),
                name="task_state_known",
            ),
            models.UniqueConstraint(fields=["origin"], name="task_once_per_origin", condition=~Q(origin="")),
            models.UniqueConstraint(
                fields=["dedupe_key"], name="task_active_once_per_key", condition=ACTIVE & ~Q(dedupe_key="")
            ),
        ]
        indexes = [
            # "my tasks".
            models.Index(fields=["assignee", "due_at"], name="task_mine", condition=ACTIVE),
            # A role's list.
            models.Index(fields=["role", "due_at"], name="task_of_role", condition=ACTIVE),
            # Overdue tasks on the home page.
            models.Index(fields=["due_at"], name="task_due", condition=ACTIVE),
            # The patient's page.
            models.Index(fields=["patient", "-id"], name="task_of_patient"),
            # The list's filter.
            models.Index(fields=["state", "-id"], name="task_by_state"),
            # The record's page.
            models.Index(fields=["about_type", "about_id"], name="task_about"),
            # The API: "what changed since?".
            models.Index(fields=["updated_at", "id"], name="task_changed"),
        ]

    def __str__(self) -> str:
        return gettext("Task %(ref)s") % {"ref": str(self.pk)[-8:]}

    @classmethod
    def open_once(cls, task: Task) -> Task:
        """Save this new task, or find the one that stands for the same origin or reason already.

        The unique indexes decide, so two steps at the same moment open one task; nearly always it is new, so nobody looks
        first. Raises IntegrityError for any other breach.
        """
        try:
            with db_transaction.atomic():
                task.save()
        except IntegrityError:
            same_origin, same_reason = Q(origin=task.origin) & ~Q(origin=""), Q(dedupe_key=task.dedupe_key)
            already = same_origin | ACTIVE & same_reason & ~Q(dedupe_key="")
            if found := cls.objects.filter(already).first():
                return found
            raise
        return task

    @classmethod
    def open_many(cls, tasks: Sequence[Task], *, causes: Sequence[Cause]) -> list[Task]:
        """``open_once`` for many, in a few statements: the tasks that stand in the end, in the order of these.

        ``causes`` say what brought each about. Raises IntegrityError when somebody opens one of them meanwhile.
        """
        origins, keys = ({getattr(task, name) for task in tasks} - {""} for name in ("origin", "dedupe_key"))
        standing = Q(origin__in=origins) | ACTIVE & Q(dedupe_key__in=keys)
        found = {key: task for task in cls.objects.filter(standing) for key in task._keys()}
        new: list[tuple[Task, Cause]] = []
        stands = []
        for task, because in zip(tasks, causes, strict=True):
            known = next((found[key] for key in task._keys() if key in found), None)
            if known is None:
                new.append((task, because))
                found |= dict.fromkeys(task._keys(), task)
            stands.append(known or task)
        cls.create_many([task for task, _cause in new], causes=[because for _task, because in new])
        return stands

    def _keys(self) -> list[tuple[str, str]]:
        """What no second task may have while this one stands."""
        active = self.state in (self.State.OPEN, self.State.IN_PROGRESS)
        keys = [("origin", self.origin), ("dedupe_key", self.dedupe_key if active else "")]
        return [(name, key) for name, key in keys if key]

    def key_is_free(self) -> bool:
        """A task does not come back while another one stands for the same reason."""
        return not self.dedupe_key or not Task.objects.filter(ACTIVE, dedupe_key=self.dedupe_key).exists()

    # ── Transitions ──────────────────────────────────────────────────────────────────────────────────────
    @transition(state, source=State.OPEN, target=State.IN_PROGRESS, needs="patients.start_task",
                event=events.TASK_STARTED, label=_("Start"))  # fmt: skip
    def start(self) -> None:
        """Somebody is at it."""

    @transition(
        state, source=[State.OPEN, State.IN_PROGRESS], target=State.COMPLETED, needs="patients.complete_task",
        event=events.TASK_COMPLETED, label=_("Complete"),
    )  # fmt: skip
    def complete(self) -> None:
        self.completed_at = clock.now()

    @transition(
        state, source=[State.OPEN, State.IN_PROGRESS], target=State.CANCELLED, needs="patients.cancel_task",
        event=events.TASK_CANCELLED, label=_("Cancel"), arguments=CancelForm,
    )  # fmt: skip
    def cancel(self, reason: str = "") -> None:
        """It need not be done any more."""
        self.cancel_reason = reason

    @transition(
        state, source=[State.COMPLETED, State.CANCELLED], target=State.OPEN, needs="patients.reopen_task",
        conditions=[key_is_free], event=events.TASK_REOPENED, label=_("Reopen"),
    )  # fmt: skip
    def reopen(self) -> None:
        """It was not over after all."""
        self.completed_at = None
        self.cancel_reason = ""


class TaskComment(Record):
    """What somebody had to say about a task. Never edited: a second comment puts the first one right."""

    created_event = events.TASK_COMMENTED

    task = models.ForeignKey(Task, models.CASCADE, related_name="comments", verbose_name=_("task"))
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("author"),
    )
    text = models.TextField(_("comment"))

    privacy: ClassVar[dict[str, Privacy]] = {"text": Privacy.PHI}

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering = ["id"]

    def __str__(self) -> str:
        return gettext("Comment %(ref)s") % {"ref": str(self.pk)[-8:]}
