"""Roles and what each may do: the one table to read before asking "who may …?". The groups follow it.

None of these may change what a colleague signed; transitions name their own permission (see the machines).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig, apps
from django.apps.registry import Apps
from django.db.models import Model
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
    "patients.reschedule_appointment",
    "patients.send_message",
} | crud("view", "orders.order") | crud("view add change", "patients.message")  # fmt: skip

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

OPS_ADMIN = EVERYBODY | crud(
    "view", *ENGINE, *VISITS, "orders.order", "labs.laborder", "labs.labtest",
) | crud(
    "add change", "orders.order", "workflows.automation", "workflows.step", "workflows.endpoint", "patients.clinic",
    "patients.practitioner", "patients.careteam", "labs.labtest", "patients.patient", "patients.appointment",
) | crud("delete", "workflows.step") | crud("view add change", "patients.message") | {
    "workflows.publish_automation", "workflows.pause_automation", "workflows.archive_automation",
    "workflows.cancel_run", "workflows.retry_steprun", "workflows.skip_steprun", "workflows.replay_delivery",
    "workflows.settle_delivery", "workflows.resolve_inboundmessage", "workflows.pause_endpoint",
    "workflows.call_endpoint", "workflows.send_test_endpoint",
    "orders.charge_order", "orders.fulfil_order", "orders.ship_order", "orders.cancel_order",
    "orders.override_order", "orders.prescribe_order", "orders.requirements_order",
    "patients.add_task", "patients.send_message", "patients.add_notification",
    "patients.confirm_appointment", "patients.cancel_appointment",
    "patients.check_in_appointment", "patients.mark_no_show_appointment", "patients.complete_appointment",
    "patients.restore_appointment", "patients.reschedule_appointment",
    "patients.onboard_patient", "patients.deactivate_patient", "patients.merge_patient",
    "labs.order_laborder", "labs.cancel_laborder", "labs.release_report",
} | crud("view add change", "access.apikey")  # fmt: skip

SECURITY_ADMIN = (
    crud("view add change", "access.user")
    | crud("view change", "access.apikey")
    | crud("view", "access.auditentry", "auth.group")
    | crud("view change", "workflows.endpoint")
)

#: What every patient may, with their own records alone. It is no group: nobody can add to it by hand.
PATIENT = crud("view", "patients.patient", *VISITS, "orders.order", "labs.report", "labs.result") | {
    "patients.edit_contact_patient", "patients.confirm_appointment", "patients.cancel_appointment",
}  # fmt: skip

#: The most that a key of the API can be given. Publishing, secrets and settling doubts stay with people.
INTEGRATOR = crud("view", "patients.patient", "patients.practitioner", *VISITS, "patients.task", "patients.message",
                  "orders.order", "labs.laborder", "labs.report", "workflows.eventrecord", "workflows.automation",
                  "workflows.run", "patients.clinic", "patients.careteam", "labs.labtest") | crud(
    "add change", "patients.patient", *VISITS, "patients.task", "orders.order", "labs.laborder",
) | crud("add", "patients.message") | {
    "patients.onboard_patient", "patients.confirm_appointment", "patients.cancel_appointment",
    "patients.check_in_appointment", "patients.complete_appointment", "patients.mark_no_show_appointment",
    "patients.restore_appointment", "patients.reschedule_appointment", "patients.start_task",
    "patients.complete_task", "patients.cancel_task", "patients.reopen_task", "patients.send_message",
    "orders.charge_order", "orders.requirements_order", "orders.prescribe_order", "orders.fulfil_order",
    "orders.ship_order", "orders.cancel_order", "labs.order_laborder", "labs.cancel_laborder",
    "labs.draw_laborder",
}  # fmt: skip

ROLES = (
    Role("front desk", _("Front desk"), FRONT_DESK),
    Role("clinician", _("Clinician"), CLINICIAN),
    Role("lab tech", _("Lab technician"), LAB_TECH),
    Role("pharmacist", _("Pharmacist"), PHARMACIST),
    Role("ops admin", _("Operations"), OPS_ADMIN),
    Role("security admin", _("Security"), SECURITY_ADMIN),
)


def role_choices() -> list[tuple[str, Any]]:
    """The roles a task or a message may be addressed to."""
    return [(role.name, role.label) for role in ROLES]


def role_labels() -> dict[str, Any]:
    """What people call each role."""
    return {role.name: role.label for role in ROLES}


def sync_roles(sender: AppConfig, using: str, apps: Apps = apps, **kwargs: Any) -> None:
    """After migrate: make the groups hold exactly what the table says, creating the permissions it names.

    Names of models that are not there (``unknown_permissions``) are left to the system check: a migration of
    half the apps must still go through.
    """
    if sender is not _last_app_with_models():
        return  # once, after the last app has its tables and Django made its permissions
    try:
        group_model = apps.get_model("auth", "Group")
    except LookupError:
        return  # migrated back to before there were groups
    permissions = ensure_permissions({name for role in ROLES for name in role.may}, using, apps)
    for role in ROLES:
        group, _created = group_model.objects.using(using).get_or_create(name=role.name)
        group.permissions.set([permissions[name] for name in role.may if name in permissions])


def unknown_permissions() -> set[str]:
    """The permissions named above that belong to no installed model."""
    named = PATIENT.union(INTEGRATOR, *(role.may for role in ROLES))
    return {name for name in named if _model_of(name, apps) is None}


def ensure_permissions(names: Iterable[str], using: str, apps: Apps = apps) -> dict[str, Any]:
    """The Permission rows of these names, made where missing; names of no model are left out."""
    permission = apps.get_model("auth", "Permission")
    content_type = apps.get_model("contenttypes", "ContentType")
    rows = permission.objects.using(using).values_list("content_type__app_label", "codename", "pk")
    known = {f"{app_label}.{codename}": pk for app_label, codename, pk in rows}
    found = {}
    for name in sorted(names):
        if name not in known and (model := _model_of(name, apps)) is not None:
            codename = name.split(".")[1]
            known[name] = (
                permission.objects.using(using)
                .create(
                    content_type=content_type.objects.db_manager(using).get_for_model(model),
                    codename=codename,
                    name=codename.replace("_", " ").capitalize(),
                )
                .pk
            )
        if name in known:
            found[name] = known[name]
    return found


def _model_of(name: str, apps: Apps) -> type[Model] | None:
    """The model a permission belongs to: the one that declares it, else the noun it ends with."""
    app_label, codename = name.split(".")
    noun = codename.rpartition("_")[2]
    for model in apps.get_models():
        options = model._meta
        declared = {code for code, _label in options.permissions}
        if options.app_label == app_label and (codename in declared or options.model_name == noun):
            return model
    return None


def _last_app_with_models() -> AppConfig:
    return [config for config in apps.get_app_configs() if config.models_module is not None][-1]
