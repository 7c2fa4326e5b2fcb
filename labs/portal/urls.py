"""The portal's addresses of results."""

from __future__ import annotations

from django.urls import path

from labs.portal.report import ReportsView, ReportView

urlpatterns = [
    path("results/", ReportsView.as_view(), name="reports"),
    path("results/<uuid:pk>/", ReportView.as_view(), name="report"),
]
