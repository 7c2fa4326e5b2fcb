"""Roles and what each may do: the one table to read before asking "who may …?". Groups in the database follow it.

``None`` of these may change what a colleague signed; transitions name their own permission (see the machines).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Role:
    """A role staff can hold; ``may`` lists permissions as "app.codename"."""

    name: str
    label: Any
    may: frozenset[str]


def crud(verbs: str, *models: str) -> frozenset[str]:
    """``crud("view change", "patients.task")`` → the two permissions of that model."""
    return frozenset(
        f"{app}.{verb}_{model}"
        for verb in verbs.split()
        for app, model in (name.split(".") for name in models)
    )


PEOPLE = ("patients.patient", "patients.practitioner", "patients.careteam", "patients.clinic")
VISITS = ("patients.appointment",)
LABS = ("labs.laborder", "labs.requisition", "labs.report", "labs.result", "labs.labtest")
ENGINE = ("workflows.automation", "workflows.automationversion", "workflows.run", "workflows.steprun",
          "workflows.eventrecord", "workflows.delivery", "workflows.endpoint", "workflows.inboundmessage",
          "workflows.nonmatch", "workflows.step")  # fmt: skip

EVERYBODY = (
    crud("view", *PEOPLE)
    | crud("view add change", "patients.task")
    | {"patients.complete_task", "patients.start_task", "patients.cancel_task", "patients.reopen_task"}
    | crud("view", "patients.notification")
    | {"patients.read_notification"}
)

FRONT_DESK = EVERYBODY | crud("add change", "patients.patient") | crud("view add change", *VISITS) | {
    "patients.onboard_patient", "patients.confirm_appointment", "patients.cancel_appointment",
    "patients.check_in_appointment", "patients.mark_no_show_appointment", "patients.restore_appointment",
    "patients.reschedule_appointment", "patients.book_appointment",
} | crud("view", "orders.order") | crud("view add", "patients.message") | {"patients.send_message"}  # fmt: skip

CLINICIAN = FRONT_DESK | crud("view", *LABS) | crud("add change", "labs.laborder") | {
    "patients.deactivate_patient", "patients.record_death_patient", "patients.complete_appointment",
    "labs.cancel_laborder", "labs.order_laborder", "labs.release_report", "labs.correct_report",
    "labs.finalise_report", "orders.prescribe_order",
}  # fmt: skip

LAB_TECH = EVERYBODY | crud("view add change", *LABS) | {
    "labs.order_laborder", "labs.cancel_laborder", "labs.draw_laborder", "labs.issue_requisition",
    "labs.fulfil_requisition", "labs.cancel_requisition", "labs.finalise_report", "labs.correct_report",
    "workflows.view_inboundmessage", "workflows.resolve_inboundmessage",
}  # fmt: skip

PHARMACIST = EVERYBODY | crud("view", "orders.order") | {"orders.fulfil_order", "orders.ship_order"}

OPS_ADMIN = EVERYBODY | crud("view", *ENGINE, *VISITS, "orders.order", "labs.laborder", "labs.labtest") | crud(
    "add change", "workflows.automation", "workflows.step", "workflows.endpoint", "patients.clinic",
    "patients.practitioner", "patients.careteam", "labs.labtest", "patients.patient", "patients.appointment",
) | crud("delete", "workflows.step") | crud("view add", "patients.message") | {
    "workflows.publish_automation", "workflows.pause_automation", "workflows.archive_automation",
    "workflows.cancel_run", "workflows.retry_steprun", "workflows.skip_steprun", "workflows.replay_delivery",
    "workflows.settle_delivery", "workflows.resolve_inboundmessage", "workflows.pause_endpoint",
    "workflows.call_webhook", "workflows.send_test_endpoint",
    "orders.charge_order", "orders.fulfil_order", "orders.ship_order", "orders.cancel_order",
    "orders.override_order", "orders.prescribe_order", "orders.requirements_order",
    "patients.add_task", "patients.send_message", "patients.add_notification",
    "patients.book_appointment", "patients.confirm_appointment", "patients.cancel_appointment",
    "patients.check_in_appointment", "patients.mark_no_show_appointment", "patients.complete_appointment",
    "patients.restore_appointment", "patients.reschedule_appointment",
    "patients.onboard_patient", "patients.deactivate_patient", "patients.merge_patient",
    "labs.order_laborder", "labs.cancel_laborder", "labs.release_report",
}  # fmt: skip

SECURITY_ADMIN = crud("view add change", "access.user") | crud("view", "access.auditentry", "auth.group") | crud(
    "view change", "workflows.endpoint"
)  # fmt: skip

PATIENT = frozenset({"patients.confirm_appointment", "patients.cancel_appointment"})

ROLES = (
    Role("front desk", _("Front desk"), FRONT_DESK),
    Role("clinician", _("Clinician"), CLINICIAN),
    Role("lab tech", _("Lab technician"), LAB_TECH),
    Role("pharmacist", _("Pharmacist"), PHARMACIST),
    Role("ops admin", _("Operations"), OPS_ADMIN),
    Role("security admin", _("Security"), SECURITY_ADMIN),
    Role("patient", _("Patient"), PATIENT),
)


def role_choices() -> list[tuple[str, Any]]:
    """The roles a task or a message may be addressed to."""
    return [(role.name, role.label) for role in ROLES if role.name != "patient"]


def sync_roles(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """After migrate: make the groups hold exactly what the table above says, creating permissions it names."""
    if sender.label != list(apps.get_app_configs())[-1].label:
        return  # once, after the last app has its tables
    group_model = apps.get_model("auth", "Group")
    for config in apps.get_app_configs():
        create_permissions(config, using=using, verbosity=0)
    permissions = _permissions(using, {name for role in ROLES for name in role.may})
    for role in ROLES:
        group, _created = group_model.objects.using(using).get_or_create(name=role.name)
        group.permissions.set([permissions[name] for name in role.may])


def _permissions(using: str, names: set[str]) -> dict[str, Any]:
    """The Permission rows of these names; one that belongs to no model's list hangs on its noun's content type."""
    permission = apps.get_model("auth", "Permission")
    content_type = apps.get_model("contenttypes", "ContentType")
    existing = {
        f"{row.content_type.app_label}.{row.codename}": row
        for row in permission.objects.using(using).select_related("content_type")
    }
    for name in sorted(names - set(existing)):
        app_label, codename = name.split(".")
        model = apps.get_model(app_label, codename.rsplit("_", 1)[-1])  # LookupError names a typing slip above
        existing[name] = permission.objects.using(using).create(
            content_type=content_type.objects.db_manager(using).get_for_model(model),
            codename=codename,
            name=codename.replace("_", " ").capitalize(),
        )
    return {name: existing[name] for name in names}
