from django.apps import AppConfig
from django.contrib.admin import apps as django_admin


class StaffAreaConfig(django_admin.AdminConfig):
    """Django's admin, with a site of our own."""

    default = False  # "careops" in INSTALLED_APPS means the other one
    default_site = "careops.staff_area.StaffArea"


class CareopsConfig(AppConfig):
    """The composition root."""

    name = "careops"
    verbose_name = "CareOps"

    #: A django-q schedule names any function to call: whoever may write one runs what they like. allauth's
    #: tables hold second factors. Neither has a page here.
    WITHOUT_PAGES = frozenset({"django_q", "account", "mfa"})

    def ready(self) -> None:
        """Take the pages of third-party tables away; every app's admin is loaded by now."""
        from django.contrib import admin
        from django.db.backends.signals import connection_created

        from careops.lib.timestamps import read_moments

        connection_created.connect(read_moments, dispatch_uid="careops.moments")

        for model in list(admin.site._registry):
            if model._meta.app_label in self.WITHOUT_PAGES:
                admin.site.unregister(model)
