"""Lab orders over the API."""

from __future__ import annotations

from typing import Any

import pytest

from labs.models import LabOrder
from tests.api.support import Caller
from tests.factories.labs import LabOrderFactory, LabTestFactory, status
from tests.labs.helpers import names

pytestmark = pytest.mark.django_db

LAB_ORDERS = "/api/v1/lab-orders/"


def test_a_test_is_ordered_by_its_code(partner: Caller, ada: Any) -> None:
    LabTestFactory(code="lipid")
    made = partner.post(LAB_ORDERS, {"patient": str(ada.pk), "lab_test": "lipid", "sample_id": "S-1"}).json()
    assert (made["state"], made["lab_test"], made["vendor"]) == (status("ordered"), "lipid", "junction")
    assert names(LabOrder.objects.get()) == ["lab_order.ordered"]


@pytest.mark.parametrize("code", ["nope", "", {"a": 1}, None, 7])
def test_a_test_that_is_not_offered_is_not_ordered(partner: Caller, ada: Any, code: Any) -> None:
    LabTestFactory(code="retired", active=False)
    for asked in (code, "retired"):
        answer = partner.post(LAB_ORDERS, {"patient": str(ada.pk), "lab_test": asked})
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/lab_test"]
    assert LabOrder.objects.count() == 0


def test_a_lab_order_goes_step_by_step(partner: Caller) -> None:
    order = LabOrderFactory()
    url = f"{LAB_ORDERS}{order.pk}/transitions/"
    skipped = partner.post(f"{url}complete_draw/")
    assert (skipped.status_code, skipped.json()["state"]) == (409, status("ordered"))
    assert "create_requisition" in skipped.json()["legal"]
    assert partner.post(f"{url}create_requisition/").json()["state"] == status("requisition_created")
    assert partner.post(f"{url}complete_draw/").json()["state"] == status("draw_completed")
    assert partner.post(f"{url}complete/").status_code == 403  # results are the bench's business


def test_a_bound_order_stays_bound(partner: Caller) -> None:
    order = LabOrderFactory()
    url = f"{LAB_ORDERS}{order.pk}/"
    assert partner.patch(url, {"external_id": "J-1"}).json()["external_id"] == "J-1"
    assert partner.patch(url, {"external_id": "J-1"}).status_code == 200
    answer = partner.patch(url, {"external_id": "J-2"})
    assert answer.json()["errors"] == [
        {"pointer": "/external_id", "detail": "It is bound to another order of the lab already."}
    ]
    answer = partner.patch(f"{LAB_ORDERS}{LabOrderFactory().pk}/", {"external_id": "J-1"})
    assert answer.json()["errors"] == [{"pointer": "", "detail": "Another lab order has this id already."}]


def test_lab_orders_are_found_by_state_and_by_the_labs_id(partner: Caller) -> None:
    wanted = LabOrderFactory(at="draw_completed", external_id="J-1")
    LabOrderFactory()
    for query in ({"state": status("draw_completed")}, {"external_id": "J-1"}):
        assert [row["id"] for row in partner.get(LAB_ORDERS, query).json()["results"]] == [str(wanted.pk)]
