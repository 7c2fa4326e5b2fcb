"""Nothing of Ada's reaches Ben, however the address is made up; nothing changes but by her own press."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from careops.access.models import AuditEntry
from careops.urls import portal
from tests.conftest import person
from tests.factories.labs import LabOrderFactory, ReportFactory, ResultFactory
from tests.factories.orders import OrderFactory
from tests.portal.conftest import account, released, visit_in
from tests.surfaces.support import sign_in
from workflows.catalogue import Record
from workflows.models import EventRecord

pytestmark = pytest.mark.django_db

SECRET = "Zebrawort"


@dataclass(frozen=True)
class Belongings:
    """One record of each kind that the portal has a page for, and every address of it."""

    records: dict[str, Record]

    def addresses(self) -> dict[str, str]:
        return {
            "visit": reverse("portal:visit", args=[self.records["visit"].pk]),
            "confirm": reverse("portal:visit_move", args=[self.records["visit"].pk, "confirm"]),
            "cancel": reverse("portal:visit_move", args=[self.records["visit"].pk, "cancel"]),
            "order": reverse("portal:order", args=[self.records["order"].pk]),
            "report": reverse("portal:report", args=[self.records["report"].pk]),
        }


LISTS = ("home", "visits", "past_visits", "orders", "reports", "details")
WELCOME = "welcome"


def of(patient: Any) -> Belongings:
    visit = visit_in(patient, days=2)
    visit.reason = SECRET
    visit.save()
    order = OrderFactory(patient=patient, state="awaiting_requirements", lines__name=SECRET)
    report = ReportFactory(order=LabOrderFactory(patient=patient))
    ResultFactory(report=report, name=SECRET)
    return Belongings({"visit": visit, "order": order, "report": released(report)})


def everything() -> dict[str, list[tuple[Any, int]]]:
    """Every record's id and version: what has changed shows here."""
    models = [model for model in apps.get_models() if issubclass(model, Record)]
    return {
        model._meta.label: sorted(model._base_manager.values_list("pk", "version"), key=str)
        for model in models
    }


@pytest.fixture
def hers(ada: Any) -> Belongings:
    account(ada)
    return of(ada)


def test_every_page_of_the_portal_is_tried_here(hers):
    tried = {*LISTS, WELCOME, "visit", "visit_move", "order", "report"}
    assert {route.name for route in portal} == tried


@pytest.mark.parametrize("method", ["get", "post", "head", "put", "patch", "delete", "options"])
@pytest.mark.parametrize("name", ["visit", "confirm", "cancel", "order", "report"])
def test_another_patients_record_is_like_one_that_never_was(at_portal, ben, hers, name, method):
    client = at_portal(ben)
    url = hers.addresses()[name]
    nowhere = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", str(uuid.uuid4()), url)
    before, told = everything(), EventRecord.objects.count()

    theirs, nobodys = (getattr(client, method)(address, {"reason": "x"}) for address in (url, nowhere))

    assert theirs.status_code == nobodys.status_code
    assert theirs.status_code in ((404, 405) if method != "options" else (200, 405))
    assert theirs.content.replace(url.encode(), b"") == nobodys.content.replace(nowhere.encode(), b"")
    assert SECRET not in theirs.content.decode()
    assert (everything(), EventRecord.objects.count()) == (before, told)
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("name", LISTS)
def test_no_list_of_his_holds_anything_of_hers(at_portal, ben, hers, name):
    shown = at_portal(ben).get(reverse(f"portal:{name}")).content.decode()
    assert SECRET not in shown
    assert "Abara" not in shown
    assert [str(record.pk) for record in hers.records.values() if str(record.pk) in shown] == []


def test_her_own_pages_open_for_her(at_portal, ada, hers):
    client = at_portal(ada)
    assert {name: client.get(url).status_code for name, url in hers.addresses().items()} == dict.fromkeys(
        hers.addresses(), 200
    )
    assert {client.get(reverse(f"portal:{name}")).status_code for name in LISTS} == {200}


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_is_asked_to_sign_in_and_comes_back(client, hers, method):
    before = everything()
    for url in [*hers.addresses().values(), *(reverse(f"portal:{name}") for name in (*LISTS, WELCOME))]:
        answer = getattr(client, method)(url)
        assert (answer.status_code, answer["Location"]) == (302, f"/accounts/login/?next={url}")
    assert everything() == before


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("who", ["nia", "omar", "root"])
def test_staff_are_sent_to_the_staff_area(request, hers, who, method):
    client = sign_in(Client(), request.getfixturevalue(who))
    before = everything()
    for url in [*hers.addresses().values(), *(reverse(f"portal:{name}") for name in (*LISTS, WELCOME))]:
        answer = getattr(client, method)(url)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert everything() == before


@pytest.mark.parametrize("method", ["get", "post"])
def test_somebody_without_a_record_is_asked_who_they_are(client, hers, method):
    client.force_login(person("new@mail.example", staff=False))
    before = everything()
    for url in [*hers.addresses().values(), *(reverse(f"portal:{name}") for name in LISTS)]:
        answer = getattr(client, method)(url)
        assert (answer.status_code, answer["Location"]) == (302, "/portal/welcome/")
    assert everything() == before


def test_who_was_switched_off_is_out_at_once(at_portal, ada, hers):
    client = at_portal(ada)
    ada.user.is_active = False
    ada.user.save()
    answer = client.post(hers.addresses()["confirm"])
    assert answer["Location"].startswith("/accounts/login/")
    hers.records["visit"].refresh_from_db()
    assert hers.records["visit"].state == "booked"


def test_looking_never_changes_anything(at_portal, ada, hers):
    client = at_portal(ada)
    before, told = everything(), EventRecord.objects.count()
    for url in [*hers.addresses().values(), *(reverse(f"portal:{name}") for name in LISTS)]:
        for method in ("get", "head", "options", "put", "patch", "delete"):
            getattr(client, method)(url)
    assert (everything(), EventRecord.objects.count()) == (before, told)


def test_without_a_token_nothing_happens(at_portal, ada, hers):
    strict = at_portal(ada, enforce_csrf_checks=True)
    before = everything()
    for name in ("confirm", "cancel"):
        assert strict.post(hers.addresses()[name]).status_code == 403
    assert strict.post(reverse("portal:details"), {"phone": "1"}).status_code == 403
    assert everything() == before


def test_results_that_were_not_released_are_nobodys_yet(at_portal, ada):
    report = ReportFactory(order=LabOrderFactory(patient=ada))
    ResultFactory(report=report, name=SECRET)
    client = at_portal(ada)
    assert client.get(reverse("portal:report", args=[report.pk])).status_code == 404
    for name in LISTS:
        assert str(report.pk) not in client.get(reverse(f"portal:{name}")).content.decode()


def test_a_record_that_was_merged_leads_to_the_one_that_was_kept(at_portal, ada, ben, hers, system):
    """Ada's record turns out to be a double of Ben's: what was hers is where she signs in to, and so is his."""
    client = at_portal(ada)
    his = visit_in(ben, days=4)
    ada.refresh_from_db()
    ada.perform("merge", by=system, into=ben)
    shown = client.get(reverse("portal:visits"))
    assert [card.visit.pk for card in shown.context["cards"]] == [hers.records["visit"].pk, his.pk]
    assert shown.context["person"] == ben
    assert client.post(hers.addresses()["confirm"]).status_code == 302
    hers.records["visit"].refresh_from_db()
    assert hers.records["visit"].state == "confirmed"


def test_pages_are_kept_by_no_browser_and_carry_nothing_the_policy_refuses(at_portal, ada, hers):
    client = at_portal(ada)
    for url in [*hers.addresses().values(), *(reverse(f"portal:{name}") for name in LISTS)]:
        answer = client.get(url)
        assert answer["Cache-Control"] == "no-store"
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", answer.content.decode())


def test_no_address_and_no_title_names_anything(at_portal, ada, hers):
    client = at_portal(ada)
    for url in [*hers.addresses().values(), *(reverse(f"portal:{name}") for name in LISTS)]:
        page = client.get(url).content.decode()
        title = re.search(r"<title>(.*?)</title>", page)[1]
        links = re.findall(r'(?:href|action)="(/portal/[^"]*)"', page)
        assert links
        for text in (title, *links):
            text = re.sub(r"[0-9a-f-]{36}", "", text)  # ids, some of which spell a name
            assert not re.search(rf"{SECRET}|Abara|Ada|lipid|cream", text, re.IGNORECASE), text
