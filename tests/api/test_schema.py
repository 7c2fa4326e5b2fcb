"""The description: valid, complete, and read off the code; every view behind it keeps the rules of the base."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from careops.api import description, router
from careops.surfaces.api import MachineViewSet, Moment, RecordViewSet
from careops.surfaces.api.views import ApiView
from workflows.catalogue import Machine, Privacy

SCHEMA = json.loads(description())
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
}
every_operation = pytest.mark.parametrize("name", sorted(OPERATIONS))


def test_it_is_valid_and_nothing_was_guessed(tmp_path: Any) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_anybody_may_read_it(client: Client) -> None:
    answer = client.get("/api/schema/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == SCHEMA
    assert client.post("/api/schema/").status_code == 405


def test_operations_have_names_one_would_give_them() -> None:
    assert {"orders_list", "orders_get", "orders_create", "orders_update", "orders_ship", "orders_transitions",
            "lab_orders_create_requisition", "events_list", "messages_queue"} <= set(OPERATIONS)  # fmt: skip
    assert not [name for name in OPERATIONS if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)]
    assert not [name for name in OPERATIONS if "start_sending" in name or "put" in name or "delete" in name]


@every_operation
def test_every_answer_is_declared(name: str) -> None:
    path, method, operation = OPERATIONS[name]
    answers = set(operation["responses"])
    assert {"400", "401", "403", "406", "429", "500"} <= answers
    assert ("404" in answers) == ("{id}" in path or method != "get")
    assert {"409", "411", "412", "413", "415", "422"} <= answers or method == "get"
    assert operation["security"] == [{"key": []}, {"session": []}]
    for code, answer in operation["responses"].items():
        if code < "300":
            assert "X-Request-ID" in answer["headers"]
            assert "RateLimit-Remaining" in answer["headers"]
        elif code > "304":
            assert answer["$ref"].startswith("#/components/responses/")


@every_operation
def test_what_writes_says_how_to_repeat_and_to_protect_it(name: str) -> None:
    path, method, operation = OPERATIONS[name]
    headers = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"}
    wanted = {"Idempotency-Key"} if method == "post" else set()
    wanted |= {"If-Match"} if method == "patch" or ("/transitions/" in path and method == "post") else set()
    wanted |= {"If-None-Match"} if "304" in operation["responses"] else set()
    assert headers == wanted


def test_refusals_have_one_shape() -> None:
    for answer in SCHEMA["components"]["responses"].values():
        assert answer["content"] == {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                **({"example": answer["content"]["application/problem+json"]["example"]}
                   if "example" in answer["content"]["application/problem+json"] else {}),
            }
        }  # fmt: skip


def test_a_moves_arguments_are_described() -> None:
    body = SCHEMA["components"]["schemas"]["AppointmentRescheduleArgumentsRequest"]
    assert (body["required"], body["properties"]["starts_at"]["format"]) == (["starts_at"], "date-time")
    assert "requestBody" not in OPERATIONS["appointments_confirm"][2]


def test_what_is_fixed_or_kept_is_not_in_what_can_be_written() -> None:
    schemas = SCHEMA["components"]["schemas"]
    for name in (name for name in schemas if name.endswith("Request") and "Arguments" not in name):
        assert not {"id", "state", "version", "created_at"} & set(schemas[name]["properties"]), name
    assert "patient" in schemas["OrderRequest"]["properties"]
    assert not {"patient", "lines"} & set(schemas["PatchedOrderRequest"]["properties"])


def test_every_example_is_one_of_its_fields() -> None:
    for _prefix, viewset, _name in router.registry:
        serializer = viewset.serializer_class()
        example = getattr(serializer.Meta, "example", None)
        writable = {name for name, field in serializer.fields.items() if not field.read_only}
        required = {
            name for name, field in serializer.fields.items() if field.required and not field.read_only
        }
        if hasattr(viewset, "create"):
            assert required <= set(example) <= writable, viewset


# ── Behind the description ────────────────────────────────────────────────────────────────────────────────
def patterns(resolver: URLResolver, prefix: str = "") -> Any:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry, prefix + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            yield prefix + str(entry.pattern), entry.callback


def test_every_address_under_the_api_keeps_the_rules_of_the_base() -> None:
    """Nobody adds a view of the framework's own beside ours."""
    addresses = [(path, view) for path, view in patterns(get_resolver()) if path.startswith("api/")]
    views = {path: getattr(view, "cls", None) for path, view in addresses}
    assert {path for path, view in views.items() if view is None} == {"api/schema/", "api/docs/", "api/"}
    assert [path for path, view in views.items() if view and not issubclass(view, ApiView)] == []
    own = {
        "authentication_classes",
        "permission_classes",
        "throttle_classes",
        "renderer_classes",
        "parser_classes",
    }
    for view in {view for view in views.values() if view}:
        assert not own & set(vars(view)) or view.__module__.startswith("careops.surfaces.api"), view


@pytest.mark.parametrize("viewset", [viewset for _prefix, viewset, _name in router.registry])
def test_a_machine_has_its_moves_where_programs_may_write(viewset: Any) -> None:
    writes = hasattr(viewset, "create") or hasattr(viewset, "partial_update")
    if issubclass(viewset.queryset.model, Machine) and writes:
        assert issubclass(viewset, MachineViewSet)
        offered = {move.name for move in viewset.queryset.model.moves().values() if move.offered}
        assert {
            action.__name__.removeprefix("move_") for action in viewset.get_extra_actions()
        } == offered | {"transitions"}
    assert viewset.ordering[-1].lstrip("-") == "id"
    assert not issubclass(viewset, RecordViewSet) or viewset.lookup_value_converter in ("uuid", "int")


@pytest.mark.parametrize("viewset", [viewset for _prefix, viewset, _name in router.registry])
def test_a_list_of_what_is_many_goes_on_along_an_index(viewset: Any) -> None:
    """Practitioners and automations are few enough for no index."""
    model = viewset.queryset.model
    indexes = [tuple(index.fields) for index in model._meta.indexes]
    filters = viewset.filterset_class.base_filters if viewset.filterset_class else {}
    if "updated_since" in filters and model.__name__ not in ("Practitioner", "Automation"):
        assert ("updated_at", "id") in indexes
    if len(viewset.ordering) == 2:
        ascending = tuple(name.lstrip("-") for name in viewset.ordering)
        assert {tuple(viewset.ordering), ascending} & set(indexes)


@pytest.mark.parametrize("viewset", [viewset for _prefix, viewset, _name in router.registry])
def test_no_address_asks_for_what_says_who_somebody_is(viewset: Any) -> None:
    """Addresses stand in logs. Moments may be asked for: a day says nothing about anybody."""
    privacy = getattr(viewset.queryset.model, "privacy", {})
    told = {
        name
        for name, declared in (
            viewset.filterset_class.base_filters if viewset.filterset_class else {}
        ).items()
        if privacy.get(declared.field_name.partition("__")[0], Privacy.PUBLIC) is not Privacy.PUBLIC
        and not issubclass(type(declared), Moment)
    }
    assert told == set()
