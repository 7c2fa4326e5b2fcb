"""Every address under /api/: one line per noun, the description, and a plain "nothing here" for the rest."""

from __future__ import annotations

import json
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework.routers import SimpleRouter

from careops.surfaces.api.problem import MEDIA_TYPE, not_found
from labs.api.lab_order import LabOrderViewSet
from labs.api.report import ReportViewSet
from orders.api.order import OrderViewSet
from patients.api.appointment import AppointmentViewSet
from patients.api.message import MessageViewSet
from patients.api.patient import PatientViewSet
from patients.api.practitioner import PractitionerViewSet
from patients.api.task import TaskViewSet
from workflows.api.automation import AutomationViewSet
from workflows.api.event import EventViewSet
from workflows.api.run import RunViewSet

router = SimpleRouter(use_regex_path=False)
router.register("patients", PatientViewSet, basename="patients")
router.register("practitioners", PractitionerViewSet, basename="practitioners")
router.register("appointments", AppointmentViewSet, basename="appointments")
router.register("tasks", TaskViewSet, basename="tasks")
router.register("messages", MessageViewSet, basename="messages")
router.register("orders", OrderViewSet, basename="orders")
router.register("lab-orders", LabOrderViewSet, basename="lab-orders")
router.register("reports", ReportViewSet, basename="reports")
router.register("events", EventViewSet, basename="events")
router.register("automations", AutomationViewSet, basename="automations")
router.register("runs", RunViewSet, basename="runs")


@cache
def description() -> bytes:
    """The OpenAPI document. It follows from the code, so a process writes it once."""
    schema = SchemaGenerator(patterns=[path("api/v1/", include(router.urls))]).get_schema(public=True)
    return json.dumps(schema, indent=1, ensure_ascii=False).encode()


@csrf_exempt
@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """For everybody: it tells what can be asked, and nothing about anybody."""
    return HttpResponse(description(), content_type="application/json")


@csrf_exempt
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The description as a page, with everything it needs from our own server."""
    return render(request, "api/docs.html")


@csrf_exempt
def nothing(request: HttpRequest) -> HttpResponse:
    """For whoever asks with whatever method: a program that mistyped an address is not told of CSRF."""
    return HttpResponse(json.dumps(not_found().body()), status=404, content_type=MEDIA_TYPE)


urlpatterns = [
    path("schema/", schema, name="api-schema"),
    path("docs/", docs, name="api-docs"),
    path("v1/", include(router.urls)),
    re_path("", nothing),
]
