"""Groups follow the table of roles, and an actor has exactly what theirs say."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db import connection

from careops.access import roles
from careops.access.actor import Actor, ActorKind

SECURITY = {
    "access.view_user",
    "access.add_user",
    "access.change_user",
    "access.view_auditentry",
    "auth.view_group",
}


def held(group: Group) -> set[str]:
    rows = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{app_label}.{codename}" for app_label, codename in rows}


def sync() -> None:
    for config in apps.get_app_configs():
        roles.sync_roles(config, using=connection.alias)


def test_every_named_permission_belongs_to_a_model():
    assert roles.unknown_permissions() == set()


@pytest.mark.django_db
def test_migrating_makes_every_role_hold_what_the_table_says():
    known = {
        f"{label}.{code}"
        for label, code in Permission.objects.values_list("content_type__app_label", "codename")
    }
    groups = {group.name: held(group) for group in Group.objects.all()}
    assert groups == {role.name: set(role.may & known) for role in roles.ROLES}
    assert groups["security admin"] >= SECURITY


@pytest.mark.django_db
def test_syncing_again_repairs_and_changes_nothing_else(django_assert_max_num_queries):
    before = list(Permission.objects.values_list("pk", flat=True).order_by("pk"))
    group = Group.objects.get(name="security admin")
    group.permissions.set(Permission.objects.filter(codename="delete_user"))
    sync()
    assert "access.delete_user" not in held(group)
    assert held(group) >= SECURITY
    with django_assert_max_num_queries(3 * len(roles.ROLES) + 3):
        sync()
    assert list(Permission.objects.values_list("pk", flat=True).order_by("pk")) == before
    assert Group.objects.count() == len(roles.ROLES)


@pytest.mark.django_db
def test_a_permission_beyond_crud_is_made_on_its_noun(monkeypatch):
    role = roles.Role("clerk", "Clerk", frozenset({"access.impersonate_user", "nowhere.view_thing"}))
    monkeypatch.setattr(roles, "ROLES", (role,))
    sync()
    made = Permission.objects.get(codename="impersonate_user")
    assert (made.content_type.model, made.name) == ("user", "Impersonate user")
    assert held(Group.objects.get(name="clerk")) == {"access.impersonate_user"}


def test_people_hold_what_their_roles_say(sam, nia, root):
    assert Actor.of(sam).has_perm("access.change_user")
    assert not Actor.of(sam).has_perm("access.delete_user")
    assert not Actor.of(nia).has_perm("access.change_user")
    assert Actor.of(root).has_perm("access.delete_user")


def test_a_switched_off_person_holds_nothing(root):
    root.is_active = False
    assert not Actor.of(root).has_perm("access.view_user")


def test_nobody_but_the_system_holds_the_unnamed_permission(root):
    assert Actor.system().has_perm("")
    assert not Actor.of(root).has_perm("")
    assert not Actor.automation(7, frozenset({""})).has_perm("")


def test_an_automation_holds_what_its_version_lists():
    actor = Actor.automation(7, frozenset({"patients.add_task"}))
    assert (actor.kind, actor.id) == (ActorKind.AUTOMATION, "7")
    assert actor.has_perm("patients.add_task")
    assert not actor.has_perm("patients.change_task")


def test_nobody_acts_unnamed(ada_signs_in, nia):
    with pytest.raises(ValueError, match="anonymous visitor"):
        Actor.of(AnonymousUser())
    assert Actor.of(ada_signs_in).kind is ActorKind.PATIENT
    assert (Actor.of(nia).kind, Actor.of(nia).id) == (ActorKind.STAFF, str(nia.pk))


def test_roles_a_task_may_be_addressed_to():
    assert [name for name, _label in roles.role_choices()] == [
        "front desk", "clinician", "lab tech", "pharmacist", "ops admin", "security admin",
    ]  # fmt: skip
