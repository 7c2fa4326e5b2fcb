"""The portal's addresses of what is in this app. They hold ids and never a name."""

from __future__ import annotations

from django.urls import path

from patients.portal.appointment import PastVisitsView, VisitMoveView, VisitsView, VisitView
from patients.portal.details import DetailsView
from patients.portal.home import HomeView
from patients.portal.welcome import WelcomeView

urlpatterns = [
    path("", HomeView.as_view(), name="home"),
    path("welcome/", WelcomeView.as_view(), name="welcome"),
    path("details/", DetailsView.as_view(), name="details"),
    path("visits/", VisitsView.as_view(), name="visits"),
    path("visits/past/", PastVisitsView.as_view(), name="past_visits"),
    path("visits/<uuid:pk>/", VisitView.as_view(), name="visit"),
    path("visits/<uuid:pk>/<slug:move>/", VisitMoveView.as_view(), name="visit_move"),
]
