"""Every address of the installation: the staff's door, the patients', the account pages, what machines call."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from careops import api, travel, views
from labs.portal.urls import urlpatterns as labs_pages
from orders.portal.urls import urlpatterns as orders_pages
from patients.portal.urls import urlpatterns as patients_pages
from workflows.webhooks.inbound import receive

# One sign-in page for everybody: the admin's own would know neither second factors nor rate limits.
admin.site.login = secure_admin_login(admin.site.login)

portal = [*patients_pages, *orders_pages, *labs_pages]

urlpatterns = [
    path("", views.home, name="home"),
    path("admin/", admin.site.urls),
    path("demo/travel/", travel.view, name="travel"),
    path("portal/", include((portal, "portal"))),
    path("accounts/", include("allauth.urls")),
    path("api/", include(api.urlpatterns)),
    path("hooks/<slug:source>/", receive, name="inbound"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
