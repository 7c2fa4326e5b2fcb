"""Walks every page class of the staff area: one way in, no way round it."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import NoReverseMatch, reverse

from careops.lib.lists import BoundedList
from careops.lib.paging import BoundedPaginator
from careops.navigation import GROUPS
from careops.surfaces.admin import MachineAdmin, RecordAdmin
from workflows.catalogue import Machine, Record

REGISTERED = sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)


def ids(pairs):
    return [model._meta.label for model, _admin in pairs]


@pytest.mark.parametrize(("model", "model_admin"), REGISTERED, ids=ids(REGISTERED))
class TestEveryAdmin:
    def test_records_have_one_door(self, model, model_admin):
        if issubclass(model, Record):
            assert isinstance(model_admin, RecordAdmin)
        if issubclass(model, Machine):
            assert isinstance(model_admin, MachineAdmin)
            assert set(model_admin.state_colors) <= set(model.states())

    def test_the_state_is_never_typed_in(self, model, model_admin):
        if issubclass(model, Machine):
            assert not model._meta.get_field("state").editable
            assert "state" not in (model_admin.list_editable or ())

    def test_no_action_runs_without_asking_who(self, model, model_admin):
        """Unfold's own actions are links that act on GET, unless they open a dialog."""
        for kind in ("actions_list", "actions_row", "actions_detail", "actions_submit_line"):
            for name in getattr(model_admin, kind, None) or ():
                names = name["items"] if isinstance(name, dict) else [name]
                for one in names:
                    method = getattr(model_admin, one)
                    assert getattr(method, "allowed_permissions", None), f"{one} names no permission"
                    assert kind == "actions_submit_line" or getattr(method, "dialog", None), (
                        f"{one} acts on GET"
                    )

    def test_no_list_is_counted_to_its_end(self, model, model_admin):
        """Nor does a hierarchy of dates read every row to tell its years."""
        assert issubclass(model_admin.paginator, BoundedPaginator)
        assert issubclass(model_admin.get_changelist(None), BoundedList)
        assert not model_admin.show_full_result_count
        assert not model_admin.date_hierarchy

    def test_nothing_is_deleted(self, model, model_admin, rf, django_user_model):
        request = rf.get("/")
        request.user = django_user_model(is_superuser=True, is_active=True, is_staff=True)
        assert not model_admin.has_delete_permission(request)


def test_third_party_tables_have_no_pages():
    labels = {model._meta.app_label for model, _admin in REGISTERED}
    assert not labels & {"django_q", "account", "mfa"}
    with pytest.raises(NoReverseMatch):
        reverse("admin:django_q_schedule_add")


def test_every_entry_of_the_sidebar_has_a_page():
    labels = {model._meta.label_lower for model, _admin in REGISTERED}
    wanted = {entry.model for _title, entries in GROUPS for entry in entries if entry.model}
    assert wanted <= labels
    for entry in (entry for _title, entries in GROUPS for entry in entries if entry.name):
        reverse(f"admin:{entry.name}")


@pytest.mark.django_db
@pytest.mark.parametrize("person", ["nia", "omar", "lena", "pia", "olga", "root"])
def test_the_sidebar_shows_exactly_what_one_may_open(at_desk, request, person):
    client = at_desk(request.getfixturevalue(person))
    for group in client.get("/admin/").context["sidebar_navigation"]:
        for item in group["items"]:
            assert client.get(item["link"]).status_code == 200, item["link"]
    for model, _admin in REGISTERED:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(url).status_code in (200, 403)
